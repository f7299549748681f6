// Holds what docs/threat-model.md says of code that runs where others' texts are shown: the extension, its webviews, the
// result renderer, the pages of the gateway and of exported notebooks. Nothing turns text into code or into HTML.
// usage: node scripts/web-security.mjs    after a build, since the bundles are looked at too
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import * as esbuild from 'esbuild';

/** Where texts of others meet HTML or the editor. */
const watched = [
  'renderers',
  'src/extension',
  'src/notebook/render',
  'src/notebook/export.ts',
  'src/cli/html-page.ts',
  'src/gateway/routes/docs.ts',
];

/** What must not stand there, and why. */
const forbidden = [
  [/\.(innerHTML|outerHTML)\s*\+?=(?!=)/, 'sets HTML from text: build elements, or set textContent'],
  [/\binsertAdjacentHTML\b/, 'sets HTML from text'],
  [/\bdocument\.write(ln)?\b/, 'writes HTML from text'],
  [/\bcreateContextualFragment\b|\bDOMParser\b|\bsrcdoc\b|\bsetHTMLUnsafe\b/, 'makes HTML from text'],
  [/\bdangerouslySetInnerHTML\b/, 'sets HTML from text'],
  [/(?<![\w.])eval\s*\(/, 'runs text as code'],
  [/\bnew\s+Function\b|(?<![\w.$])Function\s*\(/, 'runs text as code'],
  [/\bset(Timeout|Interval)\s*\(\s*["'`]/, 'runs text as code'],
  [/javascript:/i, 'an address that is code'],
  [/unsafe-eval/, 'a policy that lets text run as code'],
  [/script-src[^;]*unsafe-inline/, 'a policy that lets scripts in the page run'],
  [/\benableCommandUris\b/, 'lets links in a webview run commands'],
  [/\bsupportHtml\s*=\s*true\b|\bsupportHtml:\s*true\b/, 'lets Markdown hold HTML'],
  [/\bisTrusted\s*=\s*true\b|\bisTrusted:\s*true\b/, 'lets links in Markdown run commands'],
  [/\bshell:\s*true\b/, 'runs a text in a shell'],
];
/** In renderers alone: the webview has no network, and nothing is fetched from one. */
const forbiddenInRenderers = [
  [/["'`]https?:\/\/(?!www\.w3\.org\/)/, 'an address on the network'],
  [/(?<![\w.#$])fetch\s*\(|\bXMLHttpRequest\b|\bWebSocket\b|\bEventSource\b/, 'asks a server'],
];
/** Bundles that run under a policy without unsafe-eval: packages in them mustn't need it either. */
const bundles = ['dist/renderer.mjs', 'dist/history.js', 'dist/extension.cjs'];
const forbiddenInBundles = forbidden.slice(5, 7);
/** Code of packages that is in a bundle and never runs there. */
const neverRuns = [
  // apache-arrow's builders check values with a function made of text; the renderer reads Arrow and builds none.
  /new Function\("", ""\)/,
];

/** The code without comments, which may say what code mustn't. Lines keep their numbers. */
function withoutComments(source) {
  return source.replace(
    /("(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`(?:[^`\\]|\\.)*`)|\/\*[\s\S]*?\*\/|\/\/[^\n]*/g,
    (whole, text) => text ?? whole.replace(/[^\n]/g, ' '),
  );
}

/** Faults in one file's source, one line each. */
export function faultsIn(file, source) {
  const rules = file.startsWith('renderers/') ? [...forbidden, ...forbiddenInRenderers] : forbidden;
  const faults = [];
  for (const [number, line] of withoutComments(source).split('\n').entries()) {
    for (const [pattern, why] of rules) {
      if (pattern.test(line)) faults.push(`${file}:${number + 1}: ${line.trim()} (${why})`);
    }
  }
  const makesWebview = /\bcreateWebviewPanel\b|\bWebviewViewProvider\b/.test(withoutComments(source));
  if (makesWebview && !/\blocalResourceRoots\b/.test(source))
    faults.push(`${file}: a webview that may load any file of the workspace (set localResourceRoots)`);
  return faults;
}

function filesOf(root, where) {
  const full = path.join(root, where);
  if (/\.ts$/.test(where)) return [where];
  return readdirSync(full, { recursive: true })
    .filter(name => /\.tsx?$/.test(name) && !/\.d\.ts$/.test(name))
    .map(name => path.join(where, name).replaceAll('\\', '/'));
}

/** Faults in a checkout. */
export function webFaults(root) {
  const faults = watched.flatMap(where =>
    filesOf(root, where).flatMap(file => faultsIn(file, readFileSync(path.join(root, file), 'utf8'))),
  );
  for (const bundle of bundles) {
    const file = path.join(root, bundle);
    if (!existsSync(file)) {
      faults.push(`${bundle}: not built (npm run build)`);
      continue;
    }
    // One statement a line; strings that merely hold such words are left out.
    const code = withoutStrings(esbuild.transformSync(readFileSync(file, 'utf8')).code);
    const runs = neverRuns.reduce((text, known) => text.replace(known, ''), code);
    for (const [pattern, why] of forbiddenInBundles) {
      const found = pattern.exec(runs);
      if (found !== null) faults.push(`${bundle}: ${runs.slice(found.index, found.index + 80)} (${why})`);
    }
  }
  return faults;
}

function withoutStrings(code) {
  return withoutComments(code).replace(/"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`(?:[^`\\]|\\.)*`/g, '""');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
  const faults = webFaults(root);
  for (const fault of faults) console.error(fault);
  console.log(faults.length === 0 ? 'no text becomes code or HTML' : `${faults.length} faults`);
  process.exit(faults.length === 0 ? 0 : 1);
}
