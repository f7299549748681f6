// Writes THIRD_PARTY_NOTICES.md: every package in a VSIX with its version, licence and licence text, made of
// package-lock.json and node_modules after a build. usage: npm run licences [-- --check]
//   --check writes nothing and fails when the file isn't what it would write.
// Both fail on a licence that isn't allowed, also of a package for development.
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { shippedPackages } from './lib/shipped.mjs';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const file = path.join(root, 'THIRD_PARTY_NOTICES.md');

/** Licences that ask for a notice and no more, of what is shipped. MPL-2.0 is for files that are left as they are. */
const shippedLicences = new Set([
  'MIT',
  'Apache-2.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'ISC',
  '0BSD',
  'BlueOak-1.0.0',
  'Unlicense',
  'Zlib',
  'MPL-2.0',
]);
/** Beside them, of what only builds and tests. */
const developmentLicences = new Set([
  ...shippedLicences,
  'Artistic-2.0',
  'CC0-1.0',
  'CC-BY-4.0',
  'Python-2.0',
]);
/** Licences that no identifier names, read once. */
const known = {
  // Microsoft's licence for signing extensions: a tool of vsce, shipped with nothing.
  '@vscode/vsce-sign': 'read',
};

/** Whether an SPDX expression can be met with the allowed licences: all of an AND, one of an OR. */
export function isAllowed(expression, allowed) {
  const text = expression.replace(/^\((.*)\)$/, '$1');
  if (/ OR /.test(text)) return text.split(' OR ').some(part => isAllowed(part, allowed));
  if (/ AND /.test(text)) return text.split(' AND ').every(part => isAllowed(part, allowed));
  return allowed.has(text);
}

/** Packages whose licence isn't allowed, one line each. */
export function licenceFaults(lock, shipped) {
  const faults = [];
  for (const [place, { license, dev, devOptional, link }] of Object.entries(lock)) {
    if (place === '' || link) continue;
    const name = place.slice(place.lastIndexOf('node_modules/') + 'node_modules/'.length);
    if (Object.keys(known).some(each => name === each || name.startsWith(`${each}-`))) continue;
    const isShipped = shipped.has(place) || !(dev || devOptional);
    const allowed = isShipped ? shippedLicences : developmentLicences;
    if (typeof license !== 'string' || !isAllowed(license, allowed))
      faults.push(
        `${place}: the licence ${license ?? 'is missing'}${isShipped ? ', of what is shipped' : ''}`,
      );
  }
  return faults;
}

/** The text of a package's licence and notices; undefined when it has none, or isn't installed on this platform. */
function textsOf(place) {
  const folder = path.join(root, place);
  if (!existsSync(folder)) return undefined;
  const names = readdirSync(folder)
    .filter(name => /^(licen[cs]e|copying|notice)/i.test(name) && !/\.(js|ts|json)$/.test(name))
    .sort();
  if (names.length === 0) return undefined;
  return names
    .map(name => readFileSync(path.join(folder, name), 'utf8').replaceAll('\r\n', '\n').trim())
    .join('\n\n');
}

function notices(packages) {
  const lines = [
    '# Third-party notices',
    '',
    'Lakebook is under the MIT licence (see LICENSE). The packages below are in its VSIX files: bundled, or beside the bundles. This file is written by `npm run licences`.',
    '',
    '| package | version | licence |',
    '|---|---|---|',
    ...packages.map(({ name, entry }) => `| ${name} | ${entry.version} | ${entry.license} |`),
    '',
  ];
  // Many packages share a text to the letter.
  const byText = new Map();
  for (const { name, place, entry } of packages) {
    // DuckDB's binaries are built for six platforms, of which one is installed here; the text is that of the others.
    const text = textsOf(place) ?? `${entry.license}, without a text of its own.`;
    const isBinary = /^@duckdb\/node-bindings-/.test(name);
    const shown = isBinary ? (textsOf('node_modules/@duckdb/node-api') ?? text) : text;
    byText.set(shown, [...(byText.get(shown) ?? []), name]);
  }
  for (const [text, names] of [...byText].sort(([, a], [, b]) => (a[0] < b[0] ? -1 : 1))) {
    lines.push(`## ${names.join(', ')}`, '', '```', text.replaceAll('```', "'''"), '```', '');
  }
  return `${lines.join('\n').trimEnd()}\n`;
}

function main() {
  const packages = shippedPackages(root);
  const lock = JSON.parse(readFileSync(path.join(root, 'package-lock.json'), 'utf8')).packages;
  const faults = licenceFaults(lock, new Set(packages.map(({ place }) => place)));
  for (const fault of faults) console.error(fault);
  const text = notices(packages);
  if (process.argv.includes('--check')) {
    const isSame = existsSync(file) && readFileSync(file, 'utf8') === text;
    if (!isSame) console.error('THIRD_PARTY_NOTICES.md is not what is shipped: run `npm run licences`.');
    else console.log(`${packages.length} packages are shipped, as THIRD_PARTY_NOTICES.md says`);
    return isSame && faults.length === 0 ? 0 : 1;
  }
  writeFileSync(file, text);
  console.log(`${packages.length} packages in ${path.basename(file)}`);
  return faults.length === 0 ? 0 : 1;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) process.exit(main());
