/**
 * A query of Spark's dialect with its quotes as DuckDB has them: names in backticks become names in double quotes, texts
 * in double quotes and texts with backslashes become texts of DuckDB. What else differs stays as it is.
 */
export function sparkToDuckDb(sql: string): string {
  return sql.replace(quoted, token => {
    switch (token[0]) {
      case '`':
        return `"${token.slice(1, -1).replaceAll('``', '`').replaceAll('"', '""')}"`;
      case "'":
      case '"':
        return textOf(token.slice(1, -1), token[0]);
      default:
        return token;
    }
  });
}

/** Comments and whatever is in quotes; in Spark's texts a backslash takes the meaning of the next character. */
const quoted =
  /--[^\n]*|\/\*[\s\S]*?\*\/|`(?:[^`]|``)*`|'(?:[^'\\]|\\[\s\S]|'')*'|"(?:[^"\\]|\\[\s\S]|"")*"/g;

function textOf(inner: string, quote: string): string {
  const plain = inner.replaceAll(quote + quote, quote);
  const text = plain.replaceAll(/(?<!\\)'/g, "''");
  // DuckDB's E'' knows the same escapes.
  return text.includes('\\') ? `E'${text}'` : `'${text}'`;
}
