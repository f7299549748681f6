/** As `vscode.l10n.t`: `{0}`, `{1}`, ... stand for the arguments. */
type Translate = (message: string, ...args: (string | number | boolean)[]) => string;

let translate: Translate = (message, ...args) =>
  message.replace(/\{(\d+)\}/g, (all, index) => String(args[Number(index)] ?? all));

/**
 * A text in the editor's language, for modules that know nothing of the editor: English until `useTranslations` was
 * called, as in tests. `scripts/l10n.mjs` collects the texts.
 */
export const t: Translate = (message, ...args) => translate(message, ...args);

/** Texts are looked up by this from now on. */
export function useTranslations(by: Translate): void {
  translate = by;
}
