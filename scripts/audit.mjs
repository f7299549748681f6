// Checks the packages in package-lock.json against the registry's security advisories, and what can be checked without it.
// usage: npm run audit [-- --required]
//   Fails on an advisory of severity high or critical in a package that is shipped. Others are told.
//   A registry that has no advisories (a mirror, or none at all) can't be asked: that is told, and fails with --required.
// The answer is kept in .artifacts/audit.json.
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { shippedPackages } from './lib/shipped.mjs';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');

/** Advisories that don't touch Lakebook, by id, with the reason. They are looked at again with each release. */
const accepted = {};
const severe = new Set(['high', 'critical']);

/** Faults of a lock file that need no registry: packages that aren't pinned by their content, or run code when installed. */
export function lockFaults(lock, allowScripts) {
  const faults = [];
  for (const [place, entry] of Object.entries(lock.packages)) {
    if (place === '' || entry.link) continue;
    const name = place.slice(place.lastIndexOf('node_modules/') + 'node_modules/'.length);
    if (entry.inBundle) continue;
    if (!/^sha512-/.test(entry.integrity ?? '')) faults.push(`${place}: has no SHA-512 of its content`);
    if (entry.resolved !== undefined && !/^https:\/\//.test(entry.resolved))
      faults.push(`${place}: comes from ${entry.resolved}`);
    if (entry.hasInstallScript && !entry.optional && !Object.hasOwn(allowScripts, name))
      faults.push(
        `${place}: runs a script when it is installed (decide on it in package.json: allowScripts)`,
      );
  }
  return faults;
}

/** What an answer of `npm audit --json` says. */
export function judgeAudit(report, shipped, exceptions = accepted) {
  const told = [];
  const failed = [];
  for (const [name, { severity, via }] of Object.entries(report.vulnerabilities ?? {})) {
    for (const advisory of via) {
      // A text names another package of this list, which has the advisory.
      if (typeof advisory === 'string') continue;
      const id = advisory.url?.split('/').at(-1) ?? String(advisory.source);
      const line = `${name}: ${advisory.severity ?? severity}: ${advisory.title} (${id})`;
      if (Object.hasOwn(exceptions, id)) told.push(`${line}: ${exceptions[id]}`);
      else if (shipped.has(name) && severe.has(advisory.severity ?? severity)) failed.push(line);
      else told.push(line);
    }
  }
  return { told, failed };
}

/** Names of packages that are in a VSIX: without a build, those that are not for development alone. */
function shippedNames(lock) {
  try {
    return new Set(shippedPackages(root).map(({ name }) => name));
  } catch {
    return new Set(
      Object.entries(lock.packages)
        .filter(([place, { dev }]) => place !== '' && !dev)
        .map(([place]) => place.slice(place.lastIndexOf('node_modules/') + 'node_modules/'.length)),
    );
  }
}

function main() {
  const required = process.argv.includes('--required') || process.env.LAKEBOOK_AUDIT === 'required';
  const lock = JSON.parse(readFileSync(path.join(root, 'package-lock.json'), 'utf8'));
  const { allowScripts } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'));
  const faults = lockFaults(lock, allowScripts);
  for (const fault of faults) console.error(fault);

  const npm = process.env.npm_execpath;
  const [command, args] = npm === undefined ? ['npm', []] : [process.execPath, [npm]];
  const answer = spawnSync(command, [...args, 'audit', '--json'], {
    cwd: root,
    encoding: 'utf8',
    timeout: 120_000,
    // A registry that isn't there is told at once, not after minutes.
    env: { ...process.env, npm_config_fetch_retries: '0' },
    shell: npm === undefined && process.platform === 'win32',
  });
  let report;
  try {
    report = JSON.parse(answer.stdout);
  } catch {
    report = { message: answer.error?.message ?? 'no answer' };
  }
  mkdirSync(path.join(root, '.artifacts'), { recursive: true });
  writeFileSync(path.join(root, '.artifacts', 'audit.json'), JSON.stringify(report, undefined, 1));
  if (report.vulnerabilities === undefined) {
    const why = report.message ?? report.error?.summary ?? 'no answer';
    console.log(
      `NOT CHECKED for advisories: the registry gives none (${String(why)
        .split('\n')[0]
        .replace(/https?:\S+/g, '...')}).`,
    );
    return faults.length > 0 || required ? 1 : 0;
  }
  const { told, failed } = judgeAudit(report, shippedNames(lock));
  for (const line of told) console.log(line);
  for (const line of failed) console.error(`FAILED ${line}`);
  console.log(`${failed.length} advisories fail, ${told.length} are told`);
  return faults.length + failed.length > 0 ? 1 : 0;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) process.exit(main());
