import { tableFromIPC } from 'apache-arrow';
import type { ActivationFunction } from 'vscode-notebook-renderer';
import { Bridge } from './bridge.ts';
import { h } from './dom.ts';
import { ResultPanel } from './panel.ts';
import styles from './style.css';

/** Entry point of the notebook renderer for `application/vnd.lakebook.result+arrow`. */
export const activate: ActivationFunction = context => {
  const bridge = new Bridge(context);
  const panels = new Map<string, ResultPanel>();
  return {
    renderOutputItem(item, element) {
      panels.get(item.id)?.dispose();
      panels.delete(item.id);
      element.replaceChildren(h('style', {}, styles));
      try {
        const panel = new ResultPanel(tableFromIPC(item.data()), bridge);
        panels.set(item.id, panel);
        element.append(panel.element);
        panel.attach();
      } catch (error) {
        element.append(
          h(
            'p',
            { class: 'lb-error', role: 'alert' },
            `This result can't be shown: ${(error as Error).message}`,
          ),
        );
      }
    },
    disposeOutputItem(id) {
      for (const [key, panel] of panels) {
        if (id !== undefined && id !== key) continue;
        panel.dispose();
        panels.delete(key);
      }
    },
  };
};
