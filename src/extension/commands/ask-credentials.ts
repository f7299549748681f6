import * as vscode from 'vscode';
import type { CatalogSecret, S3Keys } from '../kernel/lake-credentials.ts';
import { ask, pickOne, type Step } from './pick.ts';

/** Asks for keys of an S3 server, in three steps. @param owner what the keys are for */
export async function askS3Keys(step: Step, owner: string, before?: S3Keys): Promise<S3Keys> {
  const at = (more: number): Step => ({ ...step, number: (step.number ?? 1) + more });
  const accessKeyId = await ask(at(0), vscode.l10n.t('Access key of {0}', owner), {
    ...(before && { value: before.accessKeyId }),
    placeHolder: 'AKIA...',
    fault: secretFault,
  });
  const secretAccessKey = await ask(at(1), vscode.l10n.t('Secret key'), {
    ...(before && { value: before.secretAccessKey }),
    password: true,
    fault: secretFault,
  });
  const sessionToken = await ask(at(2), vscode.l10n.t('Session token of temporary keys; empty for none'), {
    password: true,
    fault: text => (text === '' ? undefined : secretFault(text)),
  });
  return { accessKeyId, secretAccessKey, ...(sessionToken === '' ? {} : { sessionToken }) };
}

/** How to sign in to a REST catalog. */
export interface SignIn {
  readonly secret?: CatalogSecret;
  /** Of OAuth2: where tokens come from, and what for. */
  readonly tokenAddress?: string;
  readonly scope?: string;
}

/** Asks how to sign in to a REST catalog. */
export async function askSignIn(step: Step): Promise<SignIn> {
  const { way } = await pickOne(
    [
      {
        label: vscode.l10n.t('Client id and secret'),
        detail: vscode.l10n.t('OAuth2: tokens are got with them, and renewed.'),
        way: 'credential' as const,
      },
      {
        label: vscode.l10n.t('Token'),
        detail: vscode.l10n.t('It goes with every request as it is.'),
        way: 'token' as const,
      },
      {
        label: vscode.l10n.t('No sign-in'),
        detail: vscode.l10n.t('The catalog is open to all.'),
        way: undefined,
      },
    ],
    step,
    vscode.l10n.t('How does one sign in?'),
  );
  if (way === undefined) return {};
  if (way === 'token') {
    const value = await ask(step, vscode.l10n.t('Token'), { password: true, fault: secretFault });
    return { secret: { kind: way, value } };
  }
  const id = await ask(step, vscode.l10n.t('Client id'), { fault: secretFault });
  const secret = await ask(step, vscode.l10n.t('Client secret'), { password: true, fault: secretFault });
  const tokenAddress = await ask(
    step,
    vscode.l10n.t('Address where tokens come from; empty for the catalog itself'),
    { placeHolder: 'https://login.example.com/oauth2/token', fault: optionalAddressFault },
  );
  const scope = await ask(step, vscode.l10n.t('Scope; empty for the usual one'), { placeHolder: 'catalog' });
  return {
    secret: { kind: way, value: `${id}:${secret}` },
    ...(tokenAddress === '' ? {} : { tokenAddress }),
    ...(scope === '' ? {} : { scope }),
  };
}

function secretFault(text: string): string | undefined {
  if (text.trim() === '') return vscode.l10n.t('A key is needed.');
  return /\s/.test(text.trim()) ? vscode.l10n.t('A key has no blanks.') : undefined;
}

/** @returns what is wrong with an address that a person typed */
export function addressFault(text: string): string | undefined {
  if (!/^https?:\/\/[^/\s]+/i.test(text.trim()) || !URL.canParse(text.trim())) {
    return vscode.l10n.t('Write an address like https://example.com.');
  }
  const { username, password } = new URL(text.trim());
  return username === '' && password === ''
    ? undefined
    : vscode.l10n.t('Leave name and password out: they are asked for.');
}

export function optionalAddressFault(text: string): string | undefined {
  return text.trim() === '' ? undefined : addressFault(text);
}
