import { NotFoundError } from '../../iceberg/errors.ts';
import type { Namespace, TableIdentifier } from '../catalog.ts';

/** What stands between the levels of a namespace unless the server says otherwise: the unit separator, encoded. */
export const defaultSeparator = '%1F';

/** Paths of the REST catalog specification below `/v1/{prefix}`. */
export class RestPaths {
  readonly #base: string;
  /** URL-encoded, as the server gives it. */
  readonly #separator: string;

  /**
   * @param base the catalog's address
   * @param prefix what the server wants in front of its paths
   * @param separator `namespace-separator` of the server's configuration, URL-encoded
   */
  constructor(base: string, prefix: string | undefined, separator = defaultSeparator) {
    const middle = prefix === undefined ? '' : `/${prefix.replace(/^\/+|\/+$/g, '')}`;
    this.#base = `${base}/v1${middle}`;
    this.#separator = separator;
  }

  namespaces(): string {
    return `${this.#base}/namespaces`;
  }

  namespace(namespace: Namespace): string {
    return `${this.namespaces()}/${this.#encode(namespace)}`;
  }

  /** The value of the query parameter `parent`, not encoded yet. */
  parent(namespace: Namespace): string {
    return namespace.join(decodeURIComponent(this.#separatorFor(namespace)));
  }

  tables(namespace: Namespace): string {
    return `${this.namespace(namespace)}/tables`;
  }

  table({ namespace, name }: TableIdentifier): string {
    return `${this.tables(namespace)}/${segment(name)}`;
  }

  views(namespace: Namespace): string {
    return `${this.namespace(namespace)}/views`;
  }

  view({ namespace, name }: TableIdentifier): string {
    return `${this.views(namespace)}/${segment(name)}`;
  }

  /** A path below `/v1/{prefix}`, as it is. */
  below(path: string): string {
    return `${this.#base}/${path}`;
  }

  #encode(namespace: Namespace): string {
    const encoded = namespace.map(encodeURIComponent).join(this.#separatorFor(namespace));
    return segment(encoded, encoded);
  }

  /** Servers take the default separator too, which names can't hold: where a level has theirs in it, that is used. */
  #separatorFor(namespace: Namespace): string {
    const plain = decodeURIComponent(this.#separator);
    return namespace.some(level => level.includes(plain)) ? defaultSeparator : this.#separator;
  }
}

/** Whether names hold what many servers don't take in a path, in whatever form it is written. */
export function isOddName(...names: readonly string[]): boolean {
  return names.some(name => /[/\\%;]|\p{Cc}/u.test(name));
}

/** A name as one segment of a path. URLs with `.` and `..` mean other paths, in whatever form they are written. */
function segment(name: string, encoded = encodeURIComponent(name)): string {
  if (name !== '' && !/^\.{1,2}$/.test(name)) return encoded;
  throw new NotFoundError('table', `A REST catalog can't have anything of the name "${name}".`);
}
