import { afterAll, beforeAll, expect, test } from 'vitest';
import { Session } from './support/session.ts';

let session: Session;

beforeAll(async () => {
  session = await Session.start({ trust: true });
}, 180_000);

afterAll(async () => {
  await session?.stop();
});

test('in an untrusted folder notebooks can be read and nothing runs', async () => {
  const { workbench } = session;
  await workbench.openFile('tour.lakebook');
  await workbench.inWebview('h1', { hasText: 'A tour of the lake' });
  await workbench.showLakes();
  await workbench.page.getByText('This workspace is not trusted').first().waitFor();
  await workbench.picture('untrusted');
  expect(session.kernelPids()).toEqual([]);
});
