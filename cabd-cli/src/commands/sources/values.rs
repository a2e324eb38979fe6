//! Each value with its source, as a table for programs.

use std::io::{BufWriter, Write};

use cabd::store::{SourcesExt, source_values_csv};
use cabd::{Error, FeatureQuery, Result, Store};
use futures::TryStreamExt;

use crate::output;

/// Writes the rows to standard output.
pub(super) async fn write(store: &dyn Store, query: &FeatureQuery, format: &str) -> Result<()> {
    let as_lines = match format {
        "csv" => false,
        "ndjson" => true,
        other => {
            return Err(Error::invalid("not a format of this table")
                .field("format")
                .value(other)
                .expected("csv or ndjson"));
        }
    };
    let mut rows = store.source_values(query).await?;
    let mut out = BufWriter::with_capacity(64 * 1024, std::io::stdout());
    if !as_lines {
        out.write_all(&source_values_csv(None)?)
            .map_err(output::to_stdout)?;
    }
    while let Some(values) = rows.try_next().await? {
        let text = match as_lines {
            false => source_values_csv(Some(&values))?,
            true => {
                let mut text = vec![];
                for value in &values {
                    serde_json::to_writer(&mut text, value).map_err(|e| {
                        Error::internal("a value does not fit into JSON").because(e)
                    })?;
                    text.push(b'\n');
                }
                text
            }
        };
        out.write_all(&text).map_err(output::to_stdout)?;
    }
    out.flush().map_err(output::to_stdout)
}
