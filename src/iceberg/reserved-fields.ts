/** Field ids that the format keeps for itself (spec: "Reserved Field IDs"). */
export const reservedFieldIds = {
  /** A row's position in its data file; deletion vectors name it as what they are about. */
  rowPosition: 2147483645,
  /** `file_path` of position delete files. */
  deleteFilePath: 2147483546,
  /** `pos` of position delete files. */
  deletePosition: 2147483545,
  /** `row` of position delete files: the deleted row itself, which few writers put there. */
  deletedRow: 2147483544,
  /** `_row_id`, from format version 3 on. */
  rowId: 2147483540,
  /** `_last_updated_sequence_number`, from format version 3 on. */
  lastUpdatedSequenceNumber: 2147483539,
} as const;

/** The largest id that a table's column may have: whatever is above belongs to the format. */
const lastColumnId = 2147483447;

export function isReservedFieldId(id: number): boolean {
  return id > lastColumnId;
}
