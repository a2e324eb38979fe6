//! Files to load, and standard input.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use cabd::format::Format;
use cabd::load::Input;
use cabd::{Error, Result};
use flate2::read::MultiGzDecoder;

/// The name of standard input in reports and in the name of its rejected rows.
pub const STANDARD_INPUT: &str = "stdin";
/// How much of standard input is looked at to tell its format.
const LOOK_AT_BYTES: u64 = 4096;

/// Opens the inputs; `-` is standard input. The format is told by the file's name unless it is given.
///
/// # Errors
/// When a file does not exist or cannot be read, is a folder, or is named twice; when a name does not tell the format.
pub fn open(paths: &[PathBuf], format: Option<Format>) -> Result<Vec<Input>> {
    let mut inputs = vec![];
    for (place, path) in paths.iter().enumerate() {
        if paths[..place].contains(path) {
            return Err(Error::invalid("the same input is named twice")
                .field("input")
                .value(path.display()));
        }
        inputs.push(if path == Path::new("-") {
            standard(io::stdin(), format)?
        } else {
            file(path, format)?
        });
    }
    Ok(inputs)
}

fn file(path: &Path, format: Option<Format>) -> Result<Input> {
    let name = path.display().to_string();
    let failed = |e: io::Error| Error::from(e).at(name.clone());
    let file = File::open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    if metadata.is_dir() {
        return Err(Error::invalid("the input is a folder")
            .at(name)
            .expected("a GeoJSON or CSV file"));
    }
    let mut input = Input::new(name, file);
    input.size = metadata.is_file().then_some(metadata.len());
    input.format = format;
    input.format = Some(
        input
            .format()
            .map_err(|e| e.hint("say it with --format geojson or --format csv"))?,
    );
    Ok(input)
}

fn standard(mut stdin: impl Read + Send + 'static, format: Option<Format>) -> Result<Input> {
    let mut head = vec![];
    stdin
        .by_ref()
        .take(LOOK_AT_BYTES)
        .read_to_end(&mut head)
        .map_err(|e| Error::from(e).at("standard input"))?;
    let format = format.unwrap_or_else(|| told_by(&head));
    let mut input = Input::new(STANDARD_INPUT, io::Cursor::new(head).chain(stdin));
    input.format = Some(format);
    Ok(input)
}

/// GeoJSON begins with a brace or a bracket; anything else is read as CSV.
fn told_by(head: &[u8]) -> Format {
    let mut plain = vec![];
    if head.starts_with(&[0x1f, 0x8b]) {
        // The look ends in the middle of the packed bytes: what came until then is enough.
        let _ = MultiGzDecoder::new(head)
            .take(LOOK_AT_BYTES)
            .read_to_end(&mut plain);
    } else {
        plain.extend_from_slice(head);
    }
    let text = plain.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&plain);
    match text.iter().find(|byte| !byte.is_ascii_whitespace()) {
        Some(b'{' | b'[' | 0x1e) => Format::GeoJson,
        _ => Format::Csv,
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn standard_input_tells_its_format_by_its_first_character() {
        assert_eq!(told_by(b"\n  {\"type\":"), Format::GeoJson);
        assert_eq!(told_by(b"\xef\xbb\xbfid,name"), Format::Csv);
        assert_eq!(told_by(b""), Format::Csv);
        let mut packer = flate2::write::GzEncoder::new(vec![], flate2::Compression::fast());
        packer
            .write_all(b"{\"type\":\"FeatureCollection\"}")
            .unwrap();
        assert_eq!(told_by(&packer.finish().unwrap()), Format::GeoJson);
    }

    #[test]
    fn what_was_looked_at_is_read_too() {
        let text = "a".repeat(10_000);
        let bytes = io::Cursor::new(text.clone().into_bytes());
        let mut read = String::new();
        standard(bytes, None)
            .unwrap()
            .reader
            .read_to_string(&mut read)
            .unwrap();
        assert_eq!(read, text);
    }

    #[test]
    fn a_name_that_tells_no_format_says_which_option_does() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let paths = [file.path().to_owned()];
        let error = open(&paths, None).err().unwrap();
        assert!(error.next_step().unwrap().contains("--format"));
        assert!(open(&paths, Some(Format::Csv)).is_ok());
    }
}
