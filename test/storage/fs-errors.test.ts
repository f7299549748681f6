import { expect, test } from 'vitest';
import { fromDuckDb } from '../../src/engine/errors.ts';
import { explainWords, fromFsError } from '../../src/storage/fs-errors.ts';

const texts: Readonly<Record<string, string>> = {
  ENOSPC: 'No space left on device',
  EDQUOT: 'Disk quota exceeded',
  EROFS: 'Read-only file system',
  EACCES: 'Permission denied',
  EPERM: 'Operation not permitted',
  EMFILE: 'Too many open files',
  ENAMETOOLONG: 'File name too long',
  EFBIG: 'File too large',
  EIO: 'Input/output error',
};

test.each(Object.entries(texts))('%s has the code and the hint that it has in words', (code, text) => {
  const error = Object.assign(new Error(`${code}: ${text}, write`), { code, syscall: 'write' });
  const explained = fromFsError(error, 'write', '/file') as { code: string; hint: string };
  expect(explained.hint).toBeTruthy();
  expect(explainWords(`Could not write file "/x": ${text}`)).toMatchObject({
    code: explained.code,
    hint: explained.hint,
  });
  const raw = JSON.stringify({
    exception_type: 'IO',
    exception_message: `Could not write file "/x": ${text}`,
  });
  expect(fromDuckDb(new Error(raw), '')).toMatchObject({ code: explained.code, hint: explained.hint });
});

test('other words are no error of the system', () => {
  expect(explainWords('No files found that match the pattern')).toBeUndefined();
});
