// Which packages are in a VSIX: those in the bundles (told by the last build), and the native ones with what they need.
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';

/** Packages with native code, which aren't bundled; scripts/package.mjs installs them. */
const native = ['@duckdb/node-api', 'better-sqlite3', 'zeromq'];

/**
 * The packages that are shipped, sorted, each with its place in package-lock.json and what that says of it.
 * @throws Error before the first build
 */
export function shippedPackages(root) {
  const lock = JSON.parse(readFileSync(path.join(root, 'package-lock.json'), 'utf8')).packages;
  const list = path.join(root, '.artifacts', 'bundled.json');
  if (!existsSync(list)) throw new Error('Nothing is built: run `npm run build` first.');
  const places = new Set(JSON.parse(readFileSync(list, 'utf8')));
  const waiting = native.map(name => `node_modules/${name}`).filter(place => lock[place] !== undefined);
  for (let place = waiting.pop(); place !== undefined; place = waiting.pop()) {
    if (places.has(place)) continue;
    places.add(place);
    const { dependencies = {}, optionalDependencies = {} } = lock[place];
    for (const name of Object.keys({ ...dependencies, ...optionalDependencies })) {
      const found = placeOf(lock, place, name);
      if (found !== undefined) waiting.push(found);
    }
  }
  return [...places].sort().map(place => {
    const entry = lock[place];
    if (entry === undefined) throw new Error(`${place} is not in package-lock.json.`);
    return { name: place.slice(place.lastIndexOf('node_modules/') + 'node_modules/'.length), place, entry };
  });
}

/** Where a package's dependency is: beside it, or in a folder above. */
function placeOf(lock, from, name) {
  for (let folder = from; ; folder = folder.slice(0, folder.lastIndexOf('/node_modules/'))) {
    const place = `${folder}/node_modules/${name}`;
    if (lock[place] !== undefined) return place;
    if (!folder.includes('/node_modules/')) break;
  }
  return lock[`node_modules/${name}`] === undefined ? undefined : `node_modules/${name}`;
}
