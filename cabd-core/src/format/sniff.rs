//! What a file is by its first bytes, where that is none of the formats read here.

use crate::error::Error;

/// How many first bytes are looked at.
pub(super) const LOOK_AT_BYTES: usize = 512;

const UNPACK: &str = "unpack it and name the file inside";
const CONVERT: &str = "save it as GeoJSON or CSV, with ogr2ogr for example";
const TAKE_ANOTHER: &str = "name the file with the rows";

/// First bytes, what they are of, the next step.
const SIGNATURES: [(&[u8], &str, &str); 22] = [
    (b"PK\x03\x04", "a zip archive or a spreadsheet", UNPACK),
    (b"7z\xBC\xAF", "a 7z archive", UNPACK),
    (b"Rar!", "a rar archive", UNPACK),
    (b"BZh", "a file packed with bzip2", UNPACK),
    (b"\xFD7zXZ", "a file packed with xz", UNPACK),
    (b"\x28\xB5\x2F\xFD", "a file packed with zstd", UNPACK),
    (b"\x1F\x8B", "a file packed twice", UNPACK),
    (b"\xFF\xFE", "UTF-16", "save it as UTF-8"),
    (b"\xFE\xFF", "UTF-16", "save it as UTF-8"),
    (
        b"SQLite format 3\0",
        "an SQLite or GeoPackage file",
        CONVERT,
    ),
    (b"\x00\x00\x27\x0A", "a shapefile", CONVERT),
    (b"fgb\x03", "a FlatGeobuf file", CONVERT),
    (b"PAR1", "a Parquet file", CONVERT),
    (b"ARROW1", "an Arrow file", CONVERT),
    (b"\xD0\xCF\x11\xE0", "an old Office file", CONVERT),
    (b"\x89PNG", "a PNG picture", TAKE_ANOTHER),
    (b"\xFF\xD8\xFF", "a JPEG picture", TAKE_ANOTHER),
    (b"GIF8", "a GIF picture", TAKE_ANOTHER),
    (b"II*\0", "a TIFF picture", TAKE_ANOTHER),
    (b"MM\0*", "a TIFF picture", TAKE_ANOTHER),
    (b"%PDF", "a PDF document", TAKE_ANOTHER),
    (b"\x7FELF", "a program", TAKE_ANOTHER),
];

/// The error of a file that can be no text of rows.
pub(super) fn refuse_foreign(head: &[u8]) -> Result<(), Error> {
    let signature = SIGNATURES
        .iter()
        .find(|(bytes, _, _)| head.starts_with(bytes));
    let found = match signature {
        Some((_, what, next)) => Some((*what, *next)),
        None if head.get(257..262) == Some(b"ustar") => Some(("a tar archive", UNPACK)),
        None => markup(head),
    };
    match found {
        None => Ok(()),
        Some((what, next)) => Err(Error::invalid(format!("the file looks like {what}"))
            .expected("GeoJSON or CSV")
            .hint(next)),
    }
}

fn markup(head: &[u8]) -> Option<(&'static str, &'static str)> {
    let text = head.trim_ascii_start().to_ascii_lowercase();
    let begins = |words: &[&[u8]]| words.iter().any(|w| text.starts_with(w));
    if begins(&[b"<!doctype html", b"<html", b"<head", b"<body"]) {
        return Some((
            "an HTML page",
            "a server may have answered with a page instead of the file: open it in a browser, then download again",
        ));
    }
    begins(&[b"<?xml", b"<!doctype", b"<!--", b"<kml", b"<gml"]).then_some(("XML", CONVERT))
}

/// Whether a text begins as a JSON object, or an array of objects, arrays or texts.
pub(super) fn is_json(head: &[u8]) -> bool {
    let mut marks = head.iter().filter(|b| !b.is_ascii_whitespace());
    matches!(
        (marks.next(), marks.next()),
        (Some(b'{'), Some(b'"' | b'}'))
            | (Some(b'['), Some(b'{' | b'[' | b'"' | b']'))
            | (Some(0x1E), Some(b'{'))
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_another_kind_is_named_and_text_passes() {
        for (head, what) in [
            (b"\x89PNG\r\n\x1a\n".as_slice(), "PNG"),
            (b"\n <!DOCTYPE html><html>", "HTML"),
            (b"<?xml version=\"1.0\"?><kml>", "XML"),
            (b"SQLite format 3\0", "SQLite"),
        ] {
            let e = refuse_foreign(head).unwrap_err();
            assert!(e.to_string().contains(what), "{e}");
            assert!(e.next_step().is_some() && e.expectation().is_some());
        }
        for text in ["", "id,name\n", "<10 m,name\n", "{\"type\":", "Pkw,BZ\n"] {
            assert!(refuse_foreign(text.as_bytes()).is_ok(), "{text}");
        }
        assert!(is_json(b" {\n\"type\":1}") && is_json(b"[{") && is_json(b"\x1e{"));
        assert!(!is_json(b"[id],[name]") && !is_json(b"{id},a") && !is_json(b""));
    }
}
