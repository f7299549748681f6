// Writes a bill of materials (CycloneDX 1.5, JSON) of what is in a VSIX, made by npm of package-lock.json and narrowed to
// the packages that are shipped. usage: npm run sbom [-- FILE]    after a build; .artifacts/sbom.cdx.json by default
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { shippedPackages } from './lib/shipped.mjs';

/** npm's bill of a lock file, with the components that `shipped` has, by name and version. */
export function narrowed(bill, shipped) {
  const isShipped = ({ name, version }) => shipped.has(`${name}@${version}`);
  const components = bill.components.filter(isShipped);
  const refs = new Set([bill.metadata.component['bom-ref'], ...components.map(each => each['bom-ref'])]);
  return {
    ...bill,
    metadata: {
      ...bill.metadata,
      component: { ...bill.metadata.component, type: 'application', name: 'lakebook' },
    },
    components: components.map(({ properties, ...component }) => ({ ...component, scope: 'required' })),
    dependencies: bill.dependencies
      .filter(({ ref }) => refs.has(ref))
      .map(({ ref, dependsOn = [] }) => ({ ref, dependsOn: dependsOn.filter(each => refs.has(each)) })),
  };
}

/** Writes the bill to a file. @returns the number of its components */
export function writeBill(root, file) {
  const npm = process.env.npm_execpath;
  const [command, args] = npm === undefined ? ['npm', []] : [process.execPath, [npm]];
  const made = spawnSync(command, [...args, 'sbom', '--package-lock-only', '--sbom-format=cyclonedx'], {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    shell: npm === undefined && process.platform === 'win32',
  });
  if (made.status !== 0) throw new Error(`npm sbom: ${made.error?.message ?? made.stderr.trim()}`);
  const packages = shippedPackages(root);
  const bill = narrowed(
    JSON.parse(made.stdout),
    new Set(packages.map(({ name, entry }) => `${name}@${entry.version}`)),
  );
  if (bill.components.length === 0) throw new Error('npm sbom named no package that is shipped.');
  const missing = packages.filter(
    ({ name, entry }) => !bill.components.some(each => each.name === name && each.version === entry.version),
  );
  if (missing.length > 0)
    throw new Error(`npm sbom left out ${missing.map(({ place }) => place).join(', ')}.`);
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, `${JSON.stringify(bill, undefined, 1)}\n`);
  return bill.components.length;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
  const file = path.resolve(process.argv[2] ?? path.join(root, '.artifacts', 'sbom.cdx.json'));
  console.log(`${writeBill(root, file)} components in ${path.relative(process.cwd(), file)}`);
}
