// Holds the layering of docs/architecture.md: imports between the folders of src/ point downwards only, and the
// pure layers use no package that would tie them to an engine, an editor or a network.
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/** Lowest first. A layer may import itself and any layer before it; layers of one row don't know each other. */
const layers = [
  ['iceberg'],
  ['storage'],
  ['catalog'],
  ['engine'],
  ['lake'],
  ['notebook'],
  ['gateway', 'jupyter'],
  ['cli', 'extension'],
];

/** Packages (or node: modules) a layer may import, where that is restricted. */
const allowedPackages = {
  iceberg: [/^node:(zlib|crypto|buffer|util)$/, /^avsc$/],
};
const onlyIn = {
  vscode: ['extension'],
  '@duckdb/node-api': ['engine'],
  'better-sqlite3': ['storage', 'catalog'],
  zeromq: ['jupyter'],
};

const rank = new Map(layers.flatMap((names, index) => names.map(name => [name, index])));

/** Static imports and re-exports, imports for side effects, dynamic imports. */
const importPattern =
  /^\s*(?:import|export)\b[^'"`;]*?\bfrom\s*['"]([^'"]+)['"]|^\s*import\s*['"]([^'"]+)['"]|\bimport\s*\(\s*['"]([^'"]+)['"]/gm;

/** Violations in the source tree at `src`, one line each. */
export function findViolations(src) {
  const violations = [];
  for (const entry of readdirSync(src, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || !/\.tsx?$/.test(entry.name)) continue;
    const file = path.join(entry.parentPath ?? entry.path, entry.name);
    const layer = path.relative(src, file).split(path.sep)[0];
    if (!rank.has(layer)) {
      violations.push(`${file}: the folder "${layer}" is no layer`);
      continue;
    }
    for (const match of readFileSync(file, 'utf8').matchAll(importPattern)) {
      const specifier = match[1] ?? match[2] ?? match[3];
      if (specifier.startsWith('.')) {
        const target = path.relative(src, path.resolve(path.dirname(file), specifier)).split(path.sep)[0];
        if (target === layer || target === '..') continue;
        if (!rank.has(target) || rank.get(target) >= rank.get(layer)) {
          violations.push(`${file}: ${layer} must not import ${target} (${specifier})`);
        }
      } else {
        const allowed = allowedPackages[layer];
        if (allowed && !allowed.some(pattern => pattern.test(specifier))) {
          violations.push(`${file}: ${layer} must not import the package ${specifier}`);
        }
        const homes = onlyIn[specifier];
        if (homes && !homes.includes(layer)) {
          violations.push(`${file}: only ${homes.join(', ')} may import ${specifier}`);
        }
      }
    }
  }
  return violations;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
  const violations = findViolations(path.join(root, 'src'));
  for (const line of violations) console.error(path.relative(root, line));
  if (violations.length > 0) process.exit(1);
  console.log('Layers: imports point one way.');
}
