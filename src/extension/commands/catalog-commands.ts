import * as vscode from 'vscode';
import { loadLakeConfig } from '../../catalog/lake-config.ts';
import { ValidationError } from '../../iceberg/errors.ts';
import type { LakeTree } from '../explorer/tree.ts';
import { type Kernels, requireTrust } from '../kernel/kernels.ts';
import type { LakeCredentials } from '../kernel/lake-credentials.ts';
import { askSignIn } from './ask-credentials.ts';
import { pickLake } from './pick.ts';
import type { Register } from './register.ts';
import { takeOver } from './take-over.ts';

/** How one signs in to a lake's REST catalog. */
export function registerCatalogCommands(
  register: Register,
  parts: { readonly kernels: Kernels; readonly credentials: LakeCredentials; readonly tree: LakeTree },
): void {
  const { kernels, credentials, tree } = parts;
  register('lakebook.setCatalogCredentials', async () => {
    requireTrust();
    const title = vscode.l10n.t('Set REST Catalog Credentials');
    const { root, name } = await pickLake({ title });
    const { catalog } = await loadLakeConfig(root);
    if (catalog.type !== 'rest') {
      throw new ValidationError(vscode.l10n.t('The lake {0} has no REST catalog.', name), {
        hint: vscode.l10n.t('"Lakebook: Set S3 Credentials..." gives a lake the keys of its bucket.'),
      });
    }
    const { secret } = await askSignIn({ title });
    if (secret === undefined) await credentials.clear(root, 'catalog');
    else await credentials.set(root, { for: 'catalog', secret });
    await takeOver(kernels, tree, root);
  });
}
