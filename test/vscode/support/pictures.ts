// Makes the pictures of walkthrough/ (README, VS Code's walkthrough): the tour in a real VS Code, as it is now.
// usage: npm run pictures    needs scripts/vscode-judge.sh
import { cp, rm } from 'node:fs/promises';
import path from 'node:path';
import { root } from './judge.ts';
import { ResultGrid } from './result.ts';
import { Session } from './session.ts';

const folder = path.join(root, 'walkthrough');
const shown = ['tour.lakebook', 'lakebook.json', 'data'];
const data = /^(README\.md|sales.*\.csv|seattle-weather\.csv)$/;

const session = await Session.start({
  empty: true,
  prepare: async target => {
    await rm(path.join(target, 'notes.txt'));
    for (const name of shown) {
      await cp(path.join(root, 'samples', name), path.join(target, name), {
        recursive: true,
        filter: file => path.basename(path.dirname(file)) !== 'data' || data.test(path.basename(file)),
      });
    }
  },
});
try {
  const { workbench } = session;
  const { page } = workbench;
  await page.setViewportSize({ width: 1280, height: 800 });
  const picture = (name: string, clip?: { x: number; y: number; width: number; height: number }) =>
    page.screenshot({ path: path.join(folder, `${name}.png`), ...(clip && { clip }) });

  await workbench.openNotebook('tour.lakebook');
  await workbench.notebookButton('Run All');
  await page.locator('.notebook-toolbar-left:visible .action-item', { hasText: 'Run All' }).waitFor();
  await workbench.showLakes();
  await workbench.expand(/^sales\s*\d/);
  for (const group of ['Columns', 'Snapshots', 'Branches and Tags']) await workbench.expand(group);
  await workbench.treeRow(/^deleted/).waitFor();
  const notebook = page.locator('.notebookOverlay:visible').first();
  await page.mouse.move(640, 790);
  await notebook.hover();
  // Down until the first query is in the upper half, with its result below.
  const query = notebook.locator('.monaco-list-row', { hasText: 'SELECT * FROM sales ORDER BY id' }).first();
  for (let turns = 0; turns < 60 && ((await query.boundingBox())?.y ?? 800) > 280; turns++) {
    await page.mouse.wheel(0, 60);
    await page.waitForTimeout(100);
  }
  await ResultGrid.find(workbench, 'sold_at');
  await page.mouse.move(640, 790);
  await page.waitForTimeout(3000);
  await picture('notebook');
  const area = (await notebook.boundingBox())!;
  await picture('grid', { x: area.x, y: area.y, width: area.width, height: Math.min(680, area.height) });
  await picture('explorer', { x: 0, y: 0, width: 620, height: 620 });

  await workbench.contextMenu(workbench.treeRow(/^sales\s*\d/), 'Show History');
  await page.locator('.tab', { hasText: 'History' }).waitFor();
  await workbench.inWebview('h1', { hasText: 'History' });
  await page.mouse.move(640, 790);
  await page.waitForTimeout(1500);
  await picture('history', { x: 310, y: 0, width: 970, height: 620 });

  await workbench.showFiles();
  const file = (name: string) => page.locator('.explorer-folders-view .monaco-list-row', { hasText: name });
  await file('data').first().click();
  await file('seattle-weather.csv').first().click({ button: 'right' });
  await page.locator('.monaco-menu .action-item', { hasText: 'Ingest into Lakebook' }).hover();
  await page.waitForTimeout(500);
  await picture('ingest', { x: 0, y: 0, width: 620, height: 640 });
} finally {
  await session.stop();
}
