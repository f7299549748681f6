import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { historyPage } from '../../src/extension/history/page.ts';

const root = path.join(import.meta.dirname, '../..');

/** The directives of a page's policy, with their sources. */
function policyOf(html: string): ReadonlyMap<string, readonly string[]> {
  const content = /<meta http-equiv="Content-Security-Policy" content="([^"]*)">/.exec(html)?.[1];
  expect(content).toBeDefined();
  return new Map(
    content!.split(';').map(directive => {
      const [name, ...sources] = directive.trim().split(/\s+/);
      return [name!, sources];
    }),
  );
}

const page = historyPage({
  source: 'https://*.vscode-cdn.net',
  style: 'https://file.vscode-cdn.net/media/history.css',
  script: 'https://file.vscode-cdn.net/dist/history.js',
  nonce: 'bm9uY2U=',
});

test("the history view's page allows its own script and style, and nothing else", () => {
  const policy = policyOf(page);
  expect(Object.fromEntries(policy)).toEqual({
    'default-src': ["'none'"],
    'style-src': ['https://*.vscode-cdn.net'],
    'script-src': ["'nonce-bm9uY2U='"],
    'base-uri': ["'none'"],
    'form-action': ["'none'"],
  });
  expect([...policy.values()].flat().filter(source => /unsafe|\*$|^https?:$|data:/.test(source))).toEqual([]);
});

test('every script of the page has the nonce, and nothing in it is code or style of its own', () => {
  const scripts = [...page.matchAll(/<script\b([^>]*)>([\s\S]*?)<\/script>/g)];
  expect(scripts).toHaveLength(1);
  for (const [, attributes, code] of scripts) {
    expect(attributes).toContain('nonce="bm9uY2U="');
    expect(code).toBe('');
  }
  expect(page).not.toMatch(/<style|\sstyle=|\son\w+=|javascript:/i);
});

test('the extension has no other webviews, whose pages this test would not know', () => {
  const makers = readdirSync(path.join(root, 'src/extension'), { recursive: true })
    .map(String)
    .filter(name => name.endsWith('.ts'))
    .filter(name => {
      const source = readFileSync(path.join(root, 'src/extension', name), 'utf8');
      return /createWebviewPanel|registerWebviewViewProvider|registerCustomEditorProvider|webview\.html\s*=/.test(
        source,
      );
    });
  expect(makers.map(name => name.replaceAll('\\', '/'))).toEqual(['history/panel.ts']);
  const panel = readFileSync(path.join(root, 'src/extension/history/panel.ts'), 'utf8');
  expect(panel).toContain("nonce: randomBytes(16).toString('base64')");
  expect(panel).toContain('localResourceRoots: files');
});
