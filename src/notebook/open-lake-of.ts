import { loadLakeConfig } from '../catalog/lake-config.ts';
import { type Lake, openLake } from '../catalog/open-lake.ts';

/** Opens the lake that a folder belongs to. @throws LakebookError saying what in the configuration is wrong */
export async function openLakeOf(folder: string): Promise<Lake> {
  return openLake(await loadLakeConfig(folder));
}
