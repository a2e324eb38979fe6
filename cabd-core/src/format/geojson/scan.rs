//! Finds where JSON values begin and end, without reading what is in them.
//!
//! The scanner keeps only the record at hand, counts lines, and refuses a record beyond its limit. What is between the
//! brackets of a record is checked by whoever reads it.

use std::io::Read;

use crate::error::{Error, Result};
use crate::format::ByteSource;

const CHUNK: usize = 64 * 1024;

/// A place in the file: line and column (in bytes), from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) line: u64,
    pub(super) column: u64,
}

pub(super) struct Scanner {
    input: ByteSource,
    name: String,
    limit: usize,
    buffer: Vec<u8>,
    /// The byte looked at next.
    at: usize,
    /// Where the record begins that must not be dropped.
    held: Option<usize>,
    ended: bool,
    line: u64,
    /// Bytes of the file before the present line, and before the buffer.
    line_start: u64,
    dropped: u64,
}

impl Scanner {
    pub(super) fn new(input: ByteSource, name: String, limit: usize) -> Self {
        Self {
            input,
            name,
            limit,
            buffer: vec![],
            at: 0,
            held: None,
            ended: false,
            line: 1,
            line_start: 0,
            dropped: 0,
        }
    }

    pub(super) fn place(&self) -> Place {
        Place {
            line: self.line,
            column: self.dropped + self.at as u64 - self.line_start + 1,
        }
    }

    pub(super) fn error(&self, place: Place, message: impl Into<String>) -> Error {
        Error::invalid(message.into()).at(format!("{}:{}:{}", self.name, place.line, place.column))
    }

    /// Begins a record at the present byte: nothing from here on is dropped until [`Scanner::release`].
    pub(super) fn hold(&mut self) {
        self.held = Some(self.at);
    }

    pub(super) fn release(&mut self) {
        self.held = None;
    }

    /// The bytes of the held record so far.
    pub(super) fn held(&self) -> &[u8] {
        &self.buffer[self.held.unwrap_or(self.at)..self.at]
    }

    fn check_length(&self, bytes: usize) -> Result<()> {
        if bytes <= self.limit {
            return Ok(());
        }
        let place = self.place();
        Err(self
            .error(
                place,
                format!("a record is longer than {} bytes", self.limit),
            )
            .hint("is a quote or bracket not closed? The limit can be raised"))
    }

    /// Reads more; false at the end of the file.
    fn fill(&mut self) -> Result<bool> {
        if self.ended {
            return Ok(false);
        }
        let keep = self.held.unwrap_or(self.at);
        self.check_length(self.buffer.len() - keep)?;
        if keep > 0 {
            self.buffer.drain(..keep);
            self.dropped += keep as u64;
            self.at -= keep;
            self.held = self.held.map(|h| h - keep);
        }
        let before = self.buffer.len();
        // A long record grows in larger steps.
        let more = CHUNK.max(before / 2);
        self.buffer.resize(before + more, 0);
        let n = loop {
            match self.input.read(&mut self.buffer[before..]) {
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
                other => break other,
            }
        };
        self.buffer.truncate(before + *n.as_ref().unwrap_or(&0));
        let n = n.map_err(|e| {
            let place = self.place();
            Error::from(e).at(format!("{}:{}:{}", self.name, place.line, place.column))
        })?;
        self.ended = n == 0;
        Ok(n > 0)
    }

    /// The byte at hand.
    pub(super) fn peek(&mut self) -> Result<Option<u8>> {
        if self.at == self.buffer.len() && !self.fill()? {
            return Ok(None);
        }
        Ok(self.buffer.get(self.at).copied())
    }

    pub(super) fn step(&mut self) {
        if self.buffer.get(self.at) == Some(&b'\n') {
            self.line += 1;
            self.line_start = self.dropped + self.at as u64 + 1;
        }
        self.at += 1;
    }

    /// Skips white space, and record separators (RFC 8142) between records.
    pub(super) fn skip_space(&mut self, between_records: bool) -> Result<Option<u8>> {
        loop {
            match self.peek()? {
                Some(b' ' | b'\t' | b'\r' | b'\n') => self.step(),
                Some(0x1E) if between_records => self.step(),
                other => return Ok(other),
            }
        }
    }

    /// Skips white space and takes the byte that must follow.
    pub(super) fn expect(&mut self, byte: u8, what: &str) -> Result<()> {
        let got = self.skip_space(false)?;
        if got == Some(byte) {
            self.step();
            return Ok(());
        }
        Err(self.unexpected(got, what))
    }

    pub(super) fn unexpected(&self, got: Option<u8>, what: &str) -> Error {
        let place = self.place();
        match got {
            None => self
                .error(place, format!("the file ends where {what} should be"))
                .hint("the file is cut off; fetch it again"),
            Some(b) if b.is_ascii_graphic() => self
                .error(place, "not valid JSON")
                .value(char::from(b))
                .expected(what.to_owned()),
            Some(b) => self
                .error(place, "not valid JSON")
                .value(format!("byte 0x{b:02x}"))
                .expected(what.to_owned()),
        }
    }

    /// Passes one value and gives its length; it ends at the present byte. Something must be held.
    pub(super) fn pass_value(&mut self, begun: Place) -> Result<usize> {
        let from = self.dropped + self.at as u64;
        let mut depth = 0usize;
        let mut in_string = false;
        loop {
            if self.at == self.buffer.len() && !self.fill()? {
                let place = self.place();
                if depth == 0 && !in_string && self.dropped + self.at as u64 > from {
                    break; // a number or word at the very end
                }
                return Err(self
                    .error(
                        place,
                        format!(
                            "the file ends inside the record that begins on line {}",
                            begun.line
                        ),
                    )
                    .hint("the file is cut off; fetch it again"));
            }
            if in_string {
                in_string = self.pass_string()?;
                if !in_string && depth == 0 {
                    break;
                }
                continue;
            }
            match self.buffer[self.at] {
                b'"' => {
                    in_string = true;
                    self.at += 1;
                }
                b'{' | b'[' => {
                    depth += 1;
                    self.at += 1;
                }
                b'}' | b']' => {
                    if depth == 0 {
                        break;
                    }
                    depth -= 1;
                    self.at += 1;
                    if depth == 0 {
                        break;
                    }
                }
                b',' | b' ' | b'\t' | b'\r' if depth == 0 => break,
                b'\n' => {
                    if depth == 0 {
                        break;
                    }
                    self.step();
                }
                _ => self.at += 1,
            }
        }
        self.check_length(self.held().len())?;
        Ok((self.dropped + self.at as u64 - from) as usize)
    }

    /// Passes the rest of a string as far as it is in the buffer; whether more of it must follow.
    fn pass_string(&mut self) -> Result<bool> {
        while let Some(b) = self.buffer.get(self.at) {
            match b {
                b'"' => {
                    self.at += 1;
                    return Ok(false);
                }
                b'\\' => {
                    self.at += 1;
                    if self.peek()?.is_some() {
                        self.step();
                    }
                }
                b'\n' => self.step(),
                _ => self.at += 1,
            }
        }
        Ok(true)
    }
}
