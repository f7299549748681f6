import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
// @ts-expect-error a plain script without types
import { collectTexts } from '../../scripts/l10n.mjs';

const root = path.resolve(import.meta.dirname, '../..');
const read = (file: string) => readFileSync(path.join(root, file), 'utf8');
const texts: Record<string, string> = JSON.parse(read('package.nls.json'));
/** package.json as people see it. */
const manifest = JSON.parse(
  read('package.json').replace(/"%([\w.]+)%"/g, (key, name: string) => JSON.stringify(texts[name] ?? key)),
);
const { contributes } = manifest;
const sources = readdirSync(path.join(root, 'src', 'extension'), { recursive: true, encoding: 'utf8' })
  .filter(name => name.endsWith('.ts'))
  .map(name => readFileSync(path.join(root, 'src', 'extension', name), 'utf8'))
  .join('\n');

const declared: string[] = contributes.commands.map((each: { command: string }) => each.command);
const quotedIds = new Set([...sources.matchAll(/'(lakebook\.[a-zA-Z0-9]+)'/g)].map(match => match[1]!));

describe('package.json', () => {
  test('every command it declares is registered', () => {
    expect(declared.filter(command => !quotedIds.has(command))).toEqual([]);
  });

  test('menus, keys, welcome views and walkthroughs name declared commands', () => {
    const text = JSON.stringify([
      contributes.menus,
      contributes.keybindings,
      contributes.viewsWelcome,
      contributes.walkthroughs,
    ]);
    const used = [...text.matchAll(/(?:"command":"|command:|onCommand:)(lakebook\.[a-zA-Z0-9]+)/g)].map(
      match => match[1]!,
    );
    expect(used.length).toBeGreaterThan(declared.length / 2);
    expect(used.filter(command => !declared.includes(command))).toEqual([]);
  });

  test('settings that the code reads are declared, and the other way', () => {
    const settings = Object.keys(contributes.configuration.properties).map(name =>
      name.replace('lakebook.', ''),
    );
    const asked = [...sources.matchAll(/\.get<[^>]+(?:\[\])?>\(\s*'([^']+)'/g)].map(match => match[1]!);
    expect([...new Set(asked)].sort()).toEqual(settings.sort());
  });

  test('files that it names are there', () => {
    const text = JSON.stringify(manifest.contributes);
    const files = [...text.matchAll(/"(?:\.\/)?((?:media|syntaxes|snippets|walkthrough)\/[^"]+)"/g)].map(
      match => match[1]!,
    );
    expect(files.filter(file => !existsSync(path.join(root, file)))).toEqual([]);
  });

  test('every text is there for translators, and none without use', () => {
    const used = [...read('package.json').matchAll(/"%([\w.]+)%"/g)].map(match => match[1]!);
    expect(used.sort()).toEqual(Object.keys(texts).sort());
    expect(JSON.parse(read('l10n/bundle.l10n.json'))).toEqual(collectTexts());
  });

  test('nothing makes the extension start with the editor', () => {
    expect(
      manifest.activationEvents.filter((event: string) => /^(\*|onStartupFinished)$/.test(event)),
    ).toEqual([]);
  });
});
