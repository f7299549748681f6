import { existsSync } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';

const candidates = [
  process.env.LAKEBOOK_CHROMIUM,
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
];

/** Starts the machine's Chromium. @throws when there is none: these tests are never skipped silently. */
export async function launch(): Promise<Browser> {
  const executablePath = candidates.find(path => path && existsSync(path));
  if (!executablePath)
    throw new Error('No Chromium found. Install it (apt-get install chromium) or set LAKEBOOK_CHROMIUM.');
  return await chromium.launch({
    executablePath,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
}

/** Colours of VS Code's default themes, as its webviews define them. */
export const themes = {
  light: {
    className: 'vscode-light',
    variables: {
      'editor-background': '#ffffff',
      'editor-foreground': '#3b3b3b',
      descriptionForeground: '#616161',
      focusBorder: '#005fb8',
      'charts-blue': '#1a5fb4',
      'menu-background': '#ffffff',
      'menu-foreground': '#3b3b3b',
      'input-background': '#ffffff',
      'input-foreground': '#3b3b3b',
      'input-placeholderForeground': '#6b6b6b',
    },
  },
  dark: {
    className: 'vscode-dark',
    variables: {
      'editor-background': '#1f1f1f',
      'editor-foreground': '#cccccc',
      descriptionForeground: '#9d9d9d',
      focusBorder: '#0078d4',
      'charts-blue': '#3794ff',
      'menu-background': '#1f1f1f',
      'menu-foreground': '#cccccc',
      'input-background': '#313131',
      'input-foreground': '#cccccc',
      'input-placeholderForeground': '#989898',
    },
  },
  'high-contrast': {
    className: 'vscode-high-contrast',
    variables: {
      'editor-background': '#000000',
      'editor-foreground': '#ffffff',
      descriptionForeground: '#ffffff',
      focusBorder: '#f38518',
      'charts-blue': '#3794ff',
      contrastBorder: '#6fc3df',
      'menu-background': '#000000',
      'menu-foreground': '#ffffff',
      'input-background': '#000000',
      'input-foreground': '#ffffff',
      'input-placeholderForeground': '#ffffff',
    },
  },
} as const;

export function themeCss(theme: keyof typeof themes): string {
  const { variables } = themes[theme];
  const lines = Object.entries(variables).map(([name, value]) => `--vscode-${name}: ${value};`);
  return `:root { ${lines.join(' ')} --vscode-font-family: sans-serif; } body { background: ${variables['editor-background']}; margin: 12px; }`;
}
