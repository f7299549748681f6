import { readFileSync } from 'node:fs';

/** The version in package.json. */
export function packageVersion(): string {
  for (const place of ['../package.json', '../../package.json']) {
    try {
      const manifest = JSON.parse(readFileSync(new URL(place, import.meta.url), 'utf8')) as {
        name?: string;
        version?: string;
      };
      if (manifest.name === 'lakebook') return manifest.version ?? '';
    } catch {
      // The other place: a build is one folder below the package, the sources two.
    }
  }
  return 'unknown';
}
