//! Bytes on their way in: unpacked, decoded, without a byte order mark.

use std::io::{self, BufReader, Read};

use super::sniff::{LOOK_AT_BYTES, refuse_foreign};
use crate::error::Result;

/// Where foreign bytes come from.
pub type ByteSource = Box<dyn Read + Send>;

/// The encoding of a text file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum TextEncoding {
    /// UTF-8; readers refuse invalid bytes.
    #[default]
    Utf8,
    /// Latin-1, read as Windows-1252.
    Latin1,
}

const CHUNK: usize = 32 * 1024;

/// Unpacks gzip (several members too) where the first bytes say so, drops a UTF-8 byte order mark, and turns
/// Latin-1 into UTF-8. UTF-8 is handed on as it is, unchecked.
///
/// # Errors
/// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) for a broken gzip and for what is no text of rows by its first
/// bytes (an archive, a picture, a web page, UTF-16 …), [`ErrorKind::Io`](crate::ErrorKind::Io) when reading fails.
///
/// ```
/// use cabd_core::format::{TextEncoding, open_text};
/// let mut text = String::new();
/// let latin1 = b"Qu\xE9bec".as_slice();
/// open_text(Box::new(latin1), TextEncoding::Latin1)?.read_to_string(&mut text)?;
/// assert_eq!(text, "Québec");
/// # Ok::<(), cabd_core::Error>(())
/// ```
pub fn open_text(mut input: ByteSource, encoding: TextEncoding) -> Result<ByteSource> {
    let mut head = first_bytes(&mut input)?;
    if head.starts_with(&[0x1F, 0x8B]) {
        let packed = BufReader::with_capacity(CHUNK, io::Cursor::new(head).chain(input));
        input = Box::new(Unpacked(flate2::read::MultiGzDecoder::new(packed)));
        head = first_bytes(&mut input)?;
    }
    refuse_foreign(&head)?;
    if head.starts_with(&[0xEF, 0xBB, 0xBF]) {
        head.drain(..3);
        refuse_foreign(&head)?;
        return Ok(Box::new(io::Cursor::new(head).chain(input)));
    }
    let whole = io::Cursor::new(head).chain(input);
    Ok(match encoding {
        TextEncoding::Utf8 => Box::new(whole),
        TextEncoding::Latin1 => Box::new(Latin1::new(whole)),
    })
}

fn first_bytes(input: &mut ByteSource) -> io::Result<Vec<u8>> {
    let mut head = Vec::with_capacity(LOOK_AT_BYTES);
    input.take(LOOK_AT_BYTES as u64).read_to_end(&mut head)?;
    Ok(head)
}

/// Unpacked bytes; a fault of the packing is a fault of the file's data.
struct Unpacked<R>(R);

impl<R: Read> Read for Unpacked<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        use io::ErrorKind::{InvalidData, InvalidInput, UnexpectedEof};
        self.0.read(out).map_err(|e| match e.kind() {
            UnexpectedEof => io::Error::new(UnexpectedEof, "the gzip file ends early"),
            InvalidData | InvalidInput => {
                io::Error::new(InvalidData, format!("the gzip file is broken: {e}"))
            }
            _ => e,
        })
    }
}

/// Windows-1252 bytes as UTF-8.
struct Latin1<R> {
    inner: R,
    decoder: encoding_rs::Decoder,
    raw: Vec<u8>,
    text: Vec<u8>,
    given: usize,
}

impl<R: Read> Latin1<R> {
    fn new(inner: R) -> Self {
        Self {
            inner,
            decoder: encoding_rs::WINDOWS_1252.new_decoder_without_bom_handling(),
            raw: vec![0; CHUNK],
            text: vec![],
            given: 0,
        }
    }
}

impl<R: Read> Read for Latin1<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.given == self.text.len() {
            let n = self.inner.read(&mut self.raw)?;
            // A byte becomes three at most.
            self.text.resize(3 * n + 16, 0);
            let (_, _, written, _) =
                self.decoder
                    .decode_to_utf8(&self.raw[..n], &mut self.text, n == 0);
            self.text.truncate(written);
            self.given = 0;
        }
        let n = out.len().min(self.text.len() - self.given);
        out[..n].copy_from_slice(&self.text[self.given..self.given + n]);
        self.given += n;
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn text_of(bytes: Vec<u8>, encoding: TextEncoding) -> Result<String> {
        let mut text = String::new();
        open_text(Box::new(io::Cursor::new(bytes)), encoding)?.read_to_string(&mut text)?;
        Ok(text)
    }

    fn packed(text: &[u8]) -> Vec<u8> {
        let mut gz = flate2::write::GzEncoder::new(vec![], flate2::Compression::fast());
        gz.write_all(text).unwrap();
        gz.finish().unwrap()
    }

    #[test]
    fn gzip_of_two_members_with_a_byte_order_mark_is_read_whole() {
        let both = [packed("\u{feff}one".as_bytes()), packed(b"two")].concat();
        assert_eq!(text_of(both, TextEncoding::Utf8).unwrap(), "onetwo");
    }

    #[test]
    fn half_a_gzip_file_and_a_spoiled_one_are_invalid() {
        let bytes = packed(&[b'x'; 10_000]);
        for length in [12, bytes.len() / 2, bytes.len() - 4] {
            let e = text_of(bytes[..length].to_vec(), TextEncoding::Utf8).unwrap_err();
            assert_eq!(e.kind(), crate::ErrorKind::Invalid, "{length}: {e:?}");
            assert!(e.to_string().contains("ends early"), "{length}: {e:?}");
        }
        for at in [11, bytes.len() - 6] {
            let mut spoiled = bytes.clone();
            spoiled[at] ^= 0xFF;
            let e = text_of(spoiled, TextEncoding::Utf8).unwrap_err();
            assert_eq!(e.kind(), crate::ErrorKind::Invalid, "{at}: {e:?}");
        }
    }

    #[test]
    fn latin_1_longer_than_a_chunk_is_decoded() {
        let bytes = vec![0xE9; CHUNK + 10];
        assert_eq!(
            text_of(bytes, TextEncoding::Latin1).unwrap(),
            "é".repeat(CHUNK + 10)
        );
    }

    #[test]
    fn archives_and_utf_16_are_refused_by_name() {
        let zip = text_of(b"PK\x03\x04rest".to_vec(), TextEncoding::Utf8).unwrap_err();
        assert!(zip.to_string().contains("zip"));
        let utf16 = text_of(vec![0xFF, 0xFE, b'a', 0], TextEncoding::Utf8).unwrap_err();
        assert!(utf16.to_string().contains("UTF-16"));
        assert_eq!(text_of(vec![b'a'], TextEncoding::Utf8).unwrap(), "a");
        assert_eq!(text_of(vec![], TextEncoding::Utf8).unwrap(), "");
    }
}
