import { ValidationError } from './errors.ts';
import { asArray, asInteger, asObject, asString, type JsonObject, kept } from './json.ts';
import { parseSources, sourcesToJson } from './partition.ts';
import { type Transform, transformToString } from './transform.ts';

export interface SortField {
  readonly sourceId: number;
  readonly transform: Transform;
  readonly direction: 'asc' | 'desc';
  readonly nullOrder: 'nulls-first' | 'nulls-last';
  /** A v3 transform of several columns, which is always of kind 'other' here; `sourceId` is the first. */
  readonly sourceIds?: readonly number[];
  /** Fields that aren't known here. */
  readonly extra?: JsonObject;
}

export interface SortOrder {
  /** 0 is always the unsorted order. */
  readonly orderId: number;
  readonly fields: readonly SortField[];
  readonly extra?: JsonObject;
}

/** Order 0: rows in no particular order. */
export const unsortedOrder: SortOrder = { orderId: 0, fields: [] };

const knownOfOrder: ReadonlySet<string> = new Set(['order-id', 'fields']);
const knownOfField: ReadonlySet<string> = new Set([
  'source-id',
  'source-ids',
  'transform',
  'direction',
  'null-order',
]);

/** Reads a sort order (spec: Appendix C). @throws ValidationError */
export function parseSortOrder(json: unknown): SortOrder {
  const object = asObject(json, 'The sort order');
  const orderId = asInteger(object['order-id'], 'order-id of a sort order');
  const fields = asArray(object.fields, `Sort order ${orderId}: fields`).map((item, index): SortField => {
    const where = `Sort order ${orderId}, field ${index}`;
    const field = asObject(item, where);
    const direction = asString(field.direction, `${where}: direction`).toLowerCase();
    const nullOrder = asString(field['null-order'], `${where}: null-order`).toLowerCase();
    if (direction !== 'asc' && direction !== 'desc') {
      throw new ValidationError(`${where}: direction must be asc or desc, not "${direction}".`);
    }
    if (nullOrder !== 'nulls-first' && nullOrder !== 'nulls-last') {
      throw new ValidationError(
        `${where}: null-order must be nulls-first or nulls-last, not "${nullOrder}".`,
      );
    }
    return {
      ...parseSources(field, asString(field.transform, `${where}: transform`), where),
      direction,
      nullOrder,
      ...kept(field, knownOfField),
    };
  });
  return { orderId, fields, ...kept(object, knownOfOrder) };
}

export function sortOrderToJson(order: SortOrder): Record<string, unknown> {
  return {
    'order-id': order.orderId,
    fields: order.fields.map(field => ({
      transform: transformToString(field.transform),
      ...sourcesToJson(field),
      direction: field.direction,
      'null-order': field.nullOrder,
      ...field.extra,
    })),
    ...order.extra,
  };
}

/** Same fields in the same order, whatever the order's id. */
export function sameSortFields(a: SortOrder, b: SortOrder): boolean {
  return (
    JSON.stringify(sortOrderToJson({ ...a, orderId: 0 })) ===
    JSON.stringify(sortOrderToJson({ ...b, orderId: 0 }))
  );
}
