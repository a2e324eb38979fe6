//! The CSV reader.

use std::collections::VecDeque;
use std::io::{self, Read};

use crate::error::{Error, Result};
use crate::format::sniff::is_json;
use crate::format::{
    ByteSource, Columns, RawValue, ReadOptions, RowFault, RowReader, SourceRow, open_text,
};

/// Longest header that is looked at for the separator, in bytes.
const HEADER_BYTES: usize = 64 * 1024;

/// Reads comma-, semicolon- or tab-separated rows with a header; which separator it is, the header tells.
///
/// Column names are trimmed and must be unique; a column without a name is called `column N`. Values are given as
/// written, empty ones as null. A row with fewer or more values than the header has a [`RowFault`].
///
/// ```
/// use cabd_core::format::{RawValue, ReadOptions, RowReader, csv::CsvReader};
/// let text = "id\tname\n1\tMill Dam\n2\n";
/// let mut reader = CsvReader::new(Box::new(text.as_bytes()), ReadOptions::default())?;
/// assert_eq!(reader.next_row()?.unwrap().cells[1], RawValue::from("Mill Dam"));
/// assert_eq!(reader.next_row()?.unwrap().fault.unwrap().reason, "the row has 1 value, the header 2");
/// # Ok::<(), cabd_core::Error>(())
/// ```
pub struct CsvReader {
    rows: ::csv::Reader<Limited>,
    record: ::csv::ByteRecord,
    columns: Columns,
    name: String,
}

impl CsvReader {
    /// A reader; the header is read at once.
    ///
    /// # Errors
    /// Without a header, for a column named twice, or when the first bytes cannot be read.
    pub fn new(input: ByteSource, options: ReadOptions) -> Result<Self> {
        let at = |e: Error| e.at(options.name.clone());
        let mut input = open_text(input, options.encoding).map_err(at)?;
        let mut head = vec![];
        (&mut input)
            .take(HEADER_BYTES as u64)
            .read_to_end(&mut head)
            .map_err(|e| at(e.into()))?;
        if is_json(&head) {
            return Err(at(Error::invalid("the file looks like JSON")
                .expected("CSV: a header with the names of the columns, then a row a line")
                .hint("name it .geojson, or say that its format is geojson")));
        }
        let delimiter = separator(&head);
        let limited = Limited {
            inner: Box::new(io::Cursor::new(head).chain(input)),
            since: 0,
            limit: options.max_record_bytes,
            read: 0,
            ahead: VecDeque::new(),
            passed: 0,
        };
        let rows = ::csv::ReaderBuilder::new()
            .delimiter(delimiter)
            .has_headers(false)
            .flexible(true)
            .buffer_capacity(64 * 1024)
            .from_reader(limited);
        let mut reader = Self {
            rows,
            record: ::csv::ByteRecord::new(),
            columns: Columns::default(),
            name: options.name,
        };
        reader.header()?;
        Ok(reader)
    }

    fn header(&mut self) -> Result<()> {
        if !self.read()? {
            return Err(Error::invalid("the file is empty")
                .at(self.name.clone())
                .expected("a header with the names of the columns")
                .hint("was the export or download complete?"));
        }
        self.line();
        let record = std::mem::take(&mut self.record);
        for (i, name) in record.iter().enumerate() {
            let name = self.text(name, 1)?.trim().to_owned();
            if name.contains(|c: char| c.is_ascii_control() && !c.is_ascii_whitespace()) {
                return Err(Error::invalid("the file looks like binary data")
                    .at(format!("{}:1", self.name))
                    .value(name)
                    .expected("CSV: a header with the names of the columns")
                    .hint("name the file with the rows"));
            }
            let name = if name.is_empty() {
                format!("column {}", i + 1)
            } else {
                name
            };
            if let Some(before) = self.columns.position(&name) {
                return Err(Error::invalid(format!(
                    "columns {} and {} have the same name",
                    before + 1,
                    i + 1
                ))
                .at(format!("{}:1", self.name))
                .value(name)
                .hint("rename one of them"));
            }
            self.columns.add(&name);
        }
        Ok(())
    }

    fn read(&mut self) -> Result<bool> {
        self.rows.get_mut().since = 0;
        let line = self.rows.get_ref().passed + 1;
        let limit = self.rows.get_ref().limit;
        let read = self
            .rows
            .read_byte_record(&mut self.record)
            .and_then(|more| {
                // What was read ahead for this record may be longer than the limit too.
                if self.record.as_slice().len() > limit {
                    return Err(io::Error::other(TooLong(limit)).into());
                }
                Ok(more)
            });
        read.map_err(|e| {
            let e: Error = match e.into_kind() {
                ::csv::ErrorKind::Io(io) if io.get_ref().is_some_and(|c| c.is::<TooLong>()) => {
                    Error::invalid(io.to_string())
                        .hint("is a quote not closed? The limit can be raised")
                }
                ::csv::ErrorKind::Io(io) => io.into(),
                _ => Error::invalid("not valid CSV"),
            };
            e.at(format!("{}:{line}", self.name))
        })
    }

    /// The line on which the record at hand begins. The parser's own count is off where lines end in CR LF.
    fn line(&mut self) -> u64 {
        let end = self.rows.position().byte();
        let lines = self.rows.get_mut();
        let mut terminated = false;
        while let Some(at) = lines.ahead.front().copied().filter(|at| *at < end) {
            lines.ahead.pop_front();
            lines.passed += 1;
            terminated = at + 1 == end;
        }
        let inside = self
            .record
            .as_slice()
            .iter()
            .filter(|b| **b == b'\n')
            .count() as u64;
        lines.passed + u64::from(!terminated) - inside.min(lines.passed)
    }

    fn text<'a>(&self, bytes: &'a [u8], line: u64) -> Result<&'a str> {
        std::str::from_utf8(bytes).map_err(|e| {
            let bad = bytes.get(e.valid_up_to()).copied().unwrap_or_default();
            let before = &bytes[..e.valid_up_to()];
            let line = line + before.iter().filter(|b| **b == b'\n').count() as u64;
            Error::invalid("not UTF-8 text")
                .at(format!("{}:{line}", self.name))
                .value(format!("byte 0x{bad:02x}"))
                .hint("say which encoding the file has: encoding = \"latin-1\" in the mapping")
        })
    }
}

impl RowReader for CsvReader {
    fn next_row(&mut self) -> Result<Option<SourceRow>> {
        let mut line;
        loop {
            if !self.read()? {
                return Ok(None);
            }
            line = self.line();
            // A line of white space is no row.
            if self.record.len() > 1 || self.record.iter().any(|c| !c.trim_ascii().is_empty()) {
                break;
            }
        }
        let width = self.columns.names().len();
        let mut row = SourceRow {
            line,
            cells: Vec::with_capacity(width),
            ..SourceRow::default()
        };
        for cell in &self.record {
            row.cells.push(match self.text(cell, line)? {
                "" => RawValue::Null,
                text => RawValue::Text(text.to_owned()),
            });
        }
        let got = row.cells.len();
        if got != width {
            row.fault = Some(RowFault {
                field: String::new(),
                value: String::from_utf8_lossy(self.record.get(0).unwrap_or_default()).into_owned(),
                reason: format!(
                    "the row has {got} value{}, the header {width}",
                    if got == 1 { "" } else { "s" }
                ),
            });
            row.cells.truncate(width);
        }
        Ok(Some(row))
    }

    fn columns(&self) -> &Columns {
        &self.columns
    }
}

/// The separator that the first line has most of, outside of quotes; a comma where there is none.
fn separator(head: &[u8]) -> u8 {
    let mut counts = [(b',', 0usize), (b';', 0), (b'\t', 0)];
    let mut quoted = false;
    for b in head {
        match b {
            b'"' => quoted = !quoted,
            b'\n' if !quoted => break,
            _ if quoted => {}
            b => {
                if let Some((_, n)) = counts.iter_mut().find(|(s, _)| s == b) {
                    *n += 1;
                }
            }
        }
    }
    let most = counts.iter().map(|(_, n)| *n).max().unwrap_or(0);
    counts
        .iter()
        .find(|(_, n)| *n == most)
        .map_or(b',', |(s, _)| *s)
}

/// Fails when more bytes were read for one record than are allowed, and remembers where lines end.
struct Limited {
    inner: ByteSource,
    since: usize,
    limit: usize,
    read: u64,
    /// Places of the line feeds that no record has passed yet, and how many were passed.
    ahead: VecDeque<u64>,
    passed: u64,
}

#[derive(Debug)]
struct TooLong(usize);

impl std::fmt::Display for TooLong {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "a record is longer than {} bytes", self.0)
    }
}

impl std::error::Error for TooLong {}

impl Read for Limited {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.since > self.limit {
            return Err(io::Error::other(TooLong(self.limit)));
        }
        let n = self.inner.read(out)?;
        let feeds = out[..n].iter().enumerate().filter(|(_, b)| **b == b'\n');
        self.ahead.extend(feeds.map(|(i, _)| self.read + i as u64));
        self.read += n as u64;
        self.since += n;
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reader(text: &[u8]) -> Result<CsvReader> {
        let options = ReadOptions {
            name: "t.csv".into(),
            ..ReadOptions::default()
        };
        CsvReader::new(Box::new(io::Cursor::new(text.to_vec())), options)
    }

    fn rows(text: &[u8]) -> Result<Vec<SourceRow>> {
        let mut reader = reader(text)?;
        let mut all = vec![];
        while let Some(row) = reader.next_row()? {
            all.push(row);
        }
        Ok(all)
    }

    #[test]
    fn quotes_line_breaks_and_a_byte_order_mark_are_read() {
        let text = "\u{feff}id, name ,x\r\n1,\"Mill, \"\"Old\"\"\nDam\",\r\n\r\n2,b,c\r\n";
        let mut r = reader(text.as_bytes()).unwrap();
        assert_eq!(r.columns().names()[..2], ["id".into(), "name".into()]);
        let first = r.next_row().unwrap().unwrap();
        assert_eq!(first.cells[1], "Mill, \"Old\"\nDam".into());
        assert_eq!(first.cells[2], RawValue::Null);
        let second = r.next_row().unwrap().unwrap();
        assert_eq!((second.line, second.cells.len()), (5, 3));
    }

    #[test]
    fn the_header_tells_the_separator() {
        for text in [
            "a;b,c;d\n1;2;3\n",
            "a\tb\tc,d\n1\t2\t3\n",
            "\"a;b;c;d\",b,c\n1,2,3\n",
        ] {
            let all = rows(text.as_bytes()).unwrap();
            assert_eq!((all[0].cells.len(), &all[0].fault), (3, &None), "{text}");
        }
    }

    #[test]
    fn a_ragged_row_has_a_fault_and_the_next_is_read() {
        let all = rows(b"a,b\n1,2,3\n1\n1,2\n").unwrap();
        assert!(all[0].fault.is_some() && all[1].fault.is_some() && all[2].fault.is_none());
    }

    #[test]
    fn faults_of_the_file_name_the_line() {
        let bad = rows(b"a,b\n1,2\n\"x\ny\",\xE9\n").unwrap_err();
        assert_eq!(bad.place(), Some("t.csv:3"), "{bad:?}");
        assert!(rows(b"").unwrap_err().to_string().contains("empty"));
        assert!(
            rows(b"a,b,a\n")
                .unwrap_err()
                .to_string()
                .contains("columns 1 and 3")
        );
    }

    #[test]
    fn a_quote_that_is_not_closed_does_not_fill_the_memory() {
        let mut text = b"a,b\n1,2\n\"".to_vec();
        text.extend(vec![b'x'; 10 * 1024 * 1024]);
        let e = rows(&text).unwrap_err();
        assert_eq!(e.place(), Some("t.csv:3"), "{e:?}");
    }
}
