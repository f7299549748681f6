import { cpSync, rmSync } from 'node:fs';
import path from 'node:path';
import { localPlace, OpenLake, type Place } from './lakes.ts';
import { filesBelow } from './reachable.ts';

/** What can be seen of a lake from outside. */
export interface LakeState {
  /** Metadata location of each table. */
  readonly tables: Readonly<Record<string, string>>;
  /** Rows of each table. */
  readonly rows: Readonly<Record<string, readonly unknown[]>>;
  /** Addresses of all files of the warehouse. */
  readonly files: readonly string[];
}

/** A lake in a folder that can be put back to how it was made, again and again. */
export class LakeTemplate {
  readonly folder: string;
  /** Looks at the lake as another process does. */
  readonly observer: OpenLake;
  readonly #place: Place;

  private constructor(place: Place, observer: OpenLake) {
    this.#place = place;
    this.folder = place.folder;
    this.observer = observer;
  }

  static async make(prepare: (open: OpenLake, folder: string) => Promise<void>): Promise<LakeTemplate> {
    const place = await localPlace();
    const open = await OpenLake.open(place.folder);
    await prepare(open, place.folder);
    await open.close();
    const template = new LakeTemplate(place, await OpenLake.open(place.folder));
    cpSync(template.#lake, template.#copy, { recursive: true, preserveTimestamps: true });
    return template;
  }

  get #lake(): string {
    return path.join(this.folder, '.lakebook');
  }

  get #copy(): string {
    return `${this.folder}-copy`;
  }

  /** Puts everything back; whoever has it open notices. */
  restore(): void {
    rmSync(this.#lake, { recursive: true });
    cpSync(this.#copy, this.#lake, { recursive: true, preserveTimestamps: true });
  }

  async state(): Promise<LakeState> {
    const { lake } = this.observer;
    const tables: Record<string, string> = {};
    const rows: Record<string, unknown[]> = {};
    for (const { name } of await lake.catalog.listTables(lake.defaultNamespace)) {
      tables[name] = (await this.observer.table(name)).metadataLocation;
      rows[name] = await this.observer.rows(`SELECT * FROM ${name} ORDER BY ALL`);
    }
    return { tables, rows, files: await filesBelow(lake, lake.warehouse) };
  }

  async remove(): Promise<void> {
    await this.observer.close();
    rmSync(this.#copy, { recursive: true, force: true });
    await this.#place.stop();
  }
}
