/** The formats that a dataset's objects come in. */
export type SourceFormat = JsonFormat | CsvFormat;

/** A JSON array or NDJSON, told apart by content. */
export interface JsonFormat {
  readonly format: 'json';
}

/** CSV after RFC 4180, with a header. The fields of the dataset's `record` are the columns. */
export interface CsvFormat {
  readonly format: 'csv';
  /** Separates the fields; by default a comma. */
  readonly delimiter?: ',' | ';' | '\t';
  /** By default UTF-8; `latin1` is ISO 8859-1. */
  readonly encoding?: 'utf-8' | 'latin1';
  /**
   * `exact`, the default: the header names the columns of `record`, each once, in any order, and no others.
   * `ignore-additional`: other columns are ignored, and columns that `record` does not require may be
   * missing. A file with a different header is refused.
   */
  readonly columns?: 'exact' | 'ignore-additional';
}
