import { readdirSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { notebookText, Session } from './support/session.ts';

const secret = 'not-a-real-secret-0123456789';

let session: Session;

beforeAll(async () => {
  session = await Session.start({
    prepare: async folder => {
      await writeFile(path.join(folder, 'keys.lakebook'), notebookText([{ source: 'SELECT 1 AS one' }]));
    },
  });
}, 180_000);

afterAll(async () => {
  await session?.stop();
});

afterEach(({ task }) => session?.pictureOfFailure(task));

describe('the gateway', () => {
  test('is started by a command, answers with the token that is copied, and is stopped', async () => {
    const { workbench } = session;
    await workbench.command('Lakebook: Start Gateway');
    const told = await workbench.notification(/The gateway of lake listens: http:/);
    const [url] = /http:\/\/[\d.]+:\d+/.exec((await told.textContent()) ?? '')!;
    await workbench.picture('gateway');
    expect((await fetch(`${url}/tables`)).status).toBe(401);
    await told.getByText('Copy Read Token').click();
    const token = () => workbench.page.evaluate<string>('navigator.clipboard.readText()');
    await expect.poll(token, { timeout: 60_000 }).toMatch(/^lb_read_/);
    const headers = { authorization: `Bearer ${await token()}` };
    expect((await fetch(`${url}/tables`, { headers })).status).toBe(200);

    await workbench.command('Lakebook: Stop Gateway');
    await workbench.notification('The gateway was stopped');
    await expect(fetch(`${url}/tables`)).rejects.toThrow();
  });
});

describe('S3 credentials', () => {
  test('get into the environment of the lake’s kernels and into no file', async () => {
    const { workbench } = session;
    await workbench.command('Lakebook: Set S3 Credentials');
    await workbench.answer('AKIATESTS', '(1/3)');
    await workbench.answer('has a blank', '(2/3)');
    await workbench.page.locator('.quick-input-message', { hasText: 'no blanks' }).waitFor();
    await workbench.answer(secret, '(2/3)');
    await workbench.answer('', '(3/3)');
    await workbench.notification('Done.');
    await workbench.openNotebook('keys.lakebook');
    await workbench.runCell(0);
    await workbench.cell(0).locator('.cell-statusbar-container', { hasText: '1 row' }).waitFor();
    const withKeys = session
      .kernelPids()
      .map(pid => readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0'))
      .filter(each => each.includes('AWS_ACCESS_KEY_ID=AKIATESTS'));
    expect(withKeys.length).toBeGreaterThan(0);
    for (const each of withKeys) expect(each).toContain(`AWS_SECRET_ACCESS_KEY=${secret}`);
    expect(filesWith(secret, session.home)).toEqual([]);
  });

  test('are forgotten after asking', async () => {
    const { workbench } = session;
    await workbench.command('Lakebook: Clear S3 Credentials');
    await workbench.page.locator('.monaco-dialog-box').getByText('Forget', { exact: true }).click();
    await workbench.command('Lakebook: Restart Kernel');
    const keys = () =>
      session
        .kernelPids()
        .filter(pid => readFileSync(`/proc/${pid}/environ`, 'utf8').includes('AWS_SECRET_ACCESS_KEY'));
    await expect.poll(keys, { timeout: 60_000 }).toEqual([]);
    await workbench.command('Lakebook: Clear S3 Credentials');
    await workbench.notification('No S3 credentials are kept');
  });
});

/** Files below a folder that contain a text. */
function filesWith(text: string, folder: string): string[] {
  const options = { recursive: true, withFileTypes: true } as const;
  return readdirSync(folder, options)
    .filter(entry => entry.isFile())
    .map(entry => path.join(entry.parentPath, entry.name))
    .filter(file => !file.includes(`${path.sep}extensions${path.sep}`))
    .filter(file => readFileSync(file).includes(text));
}
