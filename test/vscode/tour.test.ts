import { afterAll, beforeAll, expect, test } from 'vitest';
import { ResultGrid } from './support/result.ts';
import { Session } from './support/session.ts';

let session: Session;

beforeAll(async () => {
  session = await Session.start();
}, 180_000);

afterAll(async () => {
  await session?.stop();
});

test('every cell of the tour passes, and its results are grids', async () => {
  const { workbench } = session;
  await workbench.openNotebook('tour.lakebook');
  await workbench.notebookButton('Run All');
  const grid = await ResultGrid.find(workbench, 'sold_at');
  await grid.says('12 rows');
  expect((await grid.rows())[0]).toEqual(['1', '1', '19.90', '2026-01-03']);
  await workbench.picture('tour');
  await workbench.page
    .locator('.notebook-toolbar-left:visible .action-item', { hasText: 'Run All' })
    .waitFor();
  await workbench.page.keyboard.press('Control+S');
  await workbench.page.locator('.tab:not(.dirty)', { hasText: 'tour.lakebook' }).waitFor();
  const { cells } = JSON.parse(session.read('tour.lakebook'));
  const code = cells.filter((cell: { cell_type: string }) => cell.cell_type === 'code');
  const outputs = code.flatMap((cell: { outputs: { output_type: string }[] }) => cell.outputs);
  expect(code.every((cell: { execution_count: number | null }) => cell.execution_count !== null)).toBe(true);
  expect(outputs.filter((output: { output_type: string }) => output.output_type === 'error')).toEqual([]);
}, 180_000);

test('the sample lake is made in an empty folder', async () => {
  const empty = await Session.start({ empty: true });
  try {
    const { workbench } = empty;
    await workbench.showLakes();
    const button = workbench.page
      .locator('.welcome-view-content a', { hasText: 'Create the Sample Lake' })
      .first();
    await button.waitFor();
    await workbench.picture('welcome');
    await button.click();
    await workbench.page.locator('.tab', { hasText: 'tour.lakebook' }).waitFor();
    await workbench.treeRow(/^sales\s*12 rows/).waitFor();
    await workbench.treeRow(/^weather/).waitFor();
    await workbench.inWebview('h1', { hasText: 'A tour of the lake' });
    await workbench.picture('sample-lake');
  } finally {
    await empty.stop();
  }
}, 240_000);
