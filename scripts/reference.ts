// Writes the pages of the reference (docs/lake-language.md, docs/sql.md, docs/command-line.md).
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { referencePages } from './reference/pages.ts';

const root = path.dirname(import.meta.dirname);
for (const [file, text] of Object.entries(referencePages())) {
  writeFileSync(path.join(root, file), text);
  console.log(file);
}
