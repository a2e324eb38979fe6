#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::*;
use proptest::prelude::*;

struct Golden {
    name: &'static str,
    blob: Vec<u8>,
    wkb: Vec<u8>,
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len())
        .step_by(2)
        .map(|i| u8::from_str_radix(&text[i..i + 2], 16).unwrap())
        .collect()
}

fn golden() -> Vec<Golden> {
    include_str!("golden.txt")
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| {
            let mut parts = line.split(" | ");
            let mut part = || parts.next().unwrap();
            Golden {
                name: part(),
                blob: unhex(part()),
                wkb: unhex(part()),
            }
        })
        .collect()
}

fn decoded(blob: &[u8]) -> Result<(Head, Vec<u8>), CodecError> {
    let mut out = Vec::new();
    decode(blob, &mut out).map(|head| (head, out))
}

/// The same WKB with every number turned to big endian, members included.
fn big_endian(wkb: &[u8]) -> Vec<u8> {
    fn body(reader: &mut Reader<'_>, out: &mut Vec<u8>) {
        out.push(0);
        let class = wkb_head(reader).unwrap();
        out.extend(class.to_be_bytes());
        let numbers = |reader: &mut Reader<'_>, n: usize, out: &mut Vec<u8>| {
            (0..n).for_each(|_| out.extend(reader.f64().unwrap().to_be_bytes()));
        };
        let count = |reader: &mut Reader<'_>, out: &mut Vec<u8>| {
            let n = reader.u32().unwrap();
            out.extend(n.to_be_bytes());
            n as usize
        };
        match class % 1000 {
            1 => numbers(reader, dimensions(class), out),
            2 => {
                let n = count(reader, out);
                numbers(reader, n * dimensions(class), out);
            }
            3 => {
                for _ in 0..count(reader, out) {
                    let n = count(reader, out);
                    numbers(reader, n * dimensions(class), out);
                }
            }
            _ => {
                for _ in 0..count(reader, out) {
                    body(reader, out);
                }
            }
        }
    }
    let mut out = Vec::new();
    body(
        &mut Reader {
            bytes: wkb,
            at: 0,
            little: true,
        },
        &mut out,
    );
    out
}

#[test]
fn plain_blobs_are_byte_for_byte_those_of_spatialite() {
    let plain: Vec<_> = golden()
        .into_iter()
        .filter(|g| g.name.starts_with("plain"))
        .collect();
    assert_eq!(plain.len(), 28);
    for g in plain {
        assert_eq!(encode(&g.wkb, 4617).unwrap(), g.blob, "{}", g.name);
        assert_eq!(
            encode(&big_endian(&g.wkb), 4617).unwrap(),
            g.blob,
            "{} from big endian",
            g.name
        );
    }
}

#[test]
fn plain_compressed_and_tiny_blobs_decode_as_spatialite_reads_them() {
    let all = golden();
    assert_eq!(all.len(), 52);
    for g in all {
        let (found, wkb) = decoded(&g.blob).unwrap_or_else(|e| panic!("{}: {e}", g.name));
        assert_eq!(wkb, g.wkb, "{}", g.name);
        assert_eq!(found.srid, 4617);
        assert_eq!(
            found.class,
            u32::from_le_bytes(g.wkb[1..5].try_into().unwrap()),
            "{}",
            g.name
        );
        assert_eq!(found, head(&g.blob).unwrap());
        if g.name.starts_with("plain") {
            assert_eq!(
                found.mbr.map(f64::to_bits).to_vec(),
                head(&encode(&wkb, 0).unwrap())
                    .unwrap()
                    .mbr
                    .map(f64::to_bits)
            );
        }
    }
}

#[test]
fn a_big_endian_blob_decodes_to_little_endian_wkb() {
    let blob = unhex(
        "0000000011093FF000000000000040000000000000003FF000000000000040000000000000007C000000013FF00000000000004000000000000000FE",
    );
    let (head, wkb) = decoded(&blob).unwrap();
    assert_eq!(
        head,
        Head {
            srid: 4361,
            mbr: [1.0, 2.0, 1.0, 2.0],
            class: 1
        }
    );
    assert_eq!(wkb, unhex("0101000000000000000000F03F0000000000000040"));
    assert_eq!(point_xy(&blob), Some((1.0, 2.0)));
}

#[test]
fn encode_point_gives_the_bytes_of_encode() {
    for (x, y) in [(1.5, -2.5), (-0.0, 1e300), (180.0, 90.0)] {
        let mut wkb = vec![1, 1, 0, 0, 0];
        wkb.extend(f64::to_le_bytes(x));
        wkb.extend(f64::to_le_bytes(y));
        assert_eq!(encode(&wkb, -1).unwrap(), encode_point(x, y, -1));
    }
}

#[test]
fn decode_appends_and_leaves_the_buffer_alone_on_failure() {
    let mut out = vec![7];
    decode(&encode_point(1.0, 2.0, 0), &mut out).unwrap();
    assert_eq!((out.len(), out[0]), (22, 7));
    let line = golden().swap_remove(4).blob;
    let mut cut = line[..line.len() - 9].to_vec();
    cut.push(0xFE);
    assert!(matches!(decode(&cut, &mut out), Err(CodecError::Short(_))));
    assert_eq!(out.len(), 22);
}

#[test]
fn every_truncation_is_refused() {
    for g in golden() {
        for length in 0..g.blob.len() {
            assert!(
                decoded(&g.blob[..length]).is_err(),
                "{} cut to {length}",
                g.name
            );
            let mut marked = g.blob[..length].to_vec();
            marked.push(0xFE);
            assert!(
                length + 1 == g.blob.len() || decoded(&marked).is_err(),
                "{} cut to {length} and marked",
                g.name
            );
        }
        for length in 0..g.wkb.len() {
            assert!(
                encode(&g.wkb[..length], 0).is_err(),
                "{} WKB cut to {length}",
                g.name
            );
        }
    }
}

#[test]
fn bytes_after_the_end_are_refused() {
    for g in golden() {
        let mut blob = g.blob.clone();
        blob.insert(blob.len() - 1, 0);
        assert_eq!(
            decoded(&blob).unwrap_err(),
            CodecError::Trailing(1),
            "{}",
            g.name
        );
        let mut wkb = g.wkb.clone();
        wkb.push(0);
        assert_eq!(
            encode(&wkb, 0).unwrap_err(),
            CodecError::Trailing(1),
            "{}",
            g.name
        );
    }
}

#[test]
fn a_tiny_point_as_long_as_a_plain_point_is_refused() {
    let mut blob = encode_point(1.0, 2.0, 0);
    (blob[1], blob[6]) = (0x81, 1);
    assert_eq!(decoded(&blob).unwrap_err(), CodecError::Trailing(36));
    assert_eq!(head(&blob).unwrap_err(), CodecError::Trailing(36));
    assert_eq!(point_xy(&blob), None);
}

#[test]
fn a_polygon_with_an_end_mark_after_each_ring_is_refused_and_no_hole_is_lost() {
    let polygon = golden()
        .into_iter()
        .find(|g| g.name == "plain POLYGON")
        .unwrap();
    let mut blob = polygon.blob;
    blob.insert(43 + 4 + 4 + 5 * 16, 0xFE);
    assert!(decoded(&blob).is_err());
}

#[test]
fn a_huge_count_is_refused_before_anything_is_allocated() {
    for class in 2_u32..=7 {
        let mut wkb = vec![1];
        wkb.extend(class.to_le_bytes());
        wkb.extend(u32::MAX.to_le_bytes());
        assert_eq!(encode(&wkb, 0).unwrap_err(), CodecError::Short(9));
        let mut blob = vec![0, 1];
        blob.extend([0; 36]);
        blob.push(0x7C);
        blob.extend(class.to_le_bytes());
        blob.extend(u32::MAX.to_le_bytes());
        blob.push(0xFE);
        assert_eq!(decoded(&blob).unwrap_err(), CodecError::Short(47));
    }
}

#[test]
fn empty_geometries_have_no_blob() {
    for wkb in [
        "010200000000000000",
        "010300000000000000",
        "010400000000000000",
        "010700000000000000",
    ] {
        assert_eq!(encode(&unhex(wkb), 0), Err(CodecError::Empty), "{wkb}");
    }
    assert_eq!(
        encode(&unhex("0101000000000000000000F87F000000000000F87F"), 0),
        Err(CodecError::Empty)
    );
    assert_eq!(
        encode(&unhex("0101000000000000000000F07F000000000000F03F"), 0),
        Err(CodecError::NotFinite)
    );
}

#[test]
fn ewkb_flags_and_unknown_classes_are_refused() {
    assert_eq!(
        encode(
            &unhex("0101000020E6100000000000000000F03F0000000000000040"),
            0
        ),
        Err(CodecError::Class(0x2000_0001))
    );
    assert_eq!(
        encode(&unhex("0142420F0000000000"), 0),
        Err(CodecError::Class(1_000_002))
    );
    assert_eq!(encode(&unhex("0111000000"), 0), Err(CodecError::Class(17)));
    assert_eq!(encode(&unhex("02"), 0), Err(CodecError::ByteOrder(2)));
}

#[test]
fn a_member_of_another_kind_or_dimension_is_refused() {
    let z_point_in_flat_multipoint =
        "010400000001000000 01E9030000 000000000000F03F 000000000000F03F 000000000000F03F"
            .replace(' ', "");
    assert_eq!(
        encode(&unhex(&z_point_in_flat_multipoint), 0),
        Err(CodecError::Member {
            parent: 4,
            member: 1001
        })
    );
    let collection_in_collection =
        "010700000001000000 0107000000 01000000 0101000000 000000000000F03F 000000000000F03F"
            .replace(' ', "");
    assert_eq!(
        encode(&unhex(&collection_in_collection), 0),
        Err(CodecError::Member {
            parent: 7,
            member: 7
        })
    );
}

fn nested(depth: usize) -> Vec<u8> {
    let mut blob = encode_point(1.0, 2.0, 0)[..39].to_vec();
    for _ in 0..depth {
        blob.extend([7, 0, 0, 0, 1, 0, 0, 0, 0x69]);
    }
    blob.extend([1, 0, 0, 0]);
    blob.extend([0; 16]);
    blob.push(0xFE);
    blob
}

#[test]
fn nested_collections_of_other_programs_are_read_to_a_limit() {
    assert!(decoded(&nested(3)).is_ok());
    assert_eq!(decoded(&nested(17)).unwrap_err(), CodecError::Deep);
    assert_eq!(decoded(&nested(100_000)).unwrap_err(), CodecError::Deep);
}

#[test]
fn point_xy_reads_single_points_only() {
    assert_eq!(point_xy(&encode_point(3.0, 4.0, 0)), Some((3.0, 4.0)));
    let find = |name: &str| golden().into_iter().find(|g| g.name == name).unwrap().blob;
    assert_eq!(point_xy(&find("tiny POINT ZM")), Some((1.5, -2.5)));
    assert_eq!(point_xy(&find("plain POINT ZM")), Some((1.5, -2.5)));
    assert_eq!(point_xy(&find("plain MULTIPOINT")), None);
    assert_eq!(point_xy(&find("plain POLYGON")), None);
    assert_eq!(point_xy(&nested(1)), Some((0.0, 0.0)));
    assert_eq!(point_xy(b""), None);
}

proptest! {
    #[test]
    fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = (decoded(&bytes), head(&bytes), encode(&bytes, 1), point_xy(&bytes));
    }

    #[test]
    fn random_bodies_behind_a_good_head_never_panic(
        order in prop::sample::select(vec![0_u8, 1, 0x80, 0x81]),
        class in prop::sample::select(vec![1_u8, 2, 3, 4, 5, 6, 7]),
        bytes in proptest::collection::vec(prop::sample::select(vec![0_u8, 1, 2, 3, 7, 0x69, 0x7C, 0xFE]), 0..300),
    ) {
        let mut blob = vec![0, order];
        blob.extend([0; 36]);
        blob.push(0x7C);
        blob.extend(if order & 1 == 1 { [class, 0, 0, 0] } else { [0, 0, 0, class] });
        blob.extend(bytes);
        blob.push(0xFE);
        if let Ok((_, wkb)) = decoded(&blob) {
            let again = encode(&wkb, 0);
            let fine = matches!(again, Ok(_) | Err(CodecError::Empty | CodecError::NotFinite | CodecError::Member { .. }));
            prop_assert!(fine, "{:?}", again);
        }
        let _ = point_xy(&blob);
    }

    #[test]
    fn a_damaged_byte_never_panics(which in 0_usize..52, at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut g = golden().swap_remove(which);
        let i = at.index(g.blob.len());
        g.blob[i] = byte;
        let _ = (decoded(&g.blob), head(&g.blob), point_xy(&g.blob));
        let i = at.index(g.wkb.len());
        g.wkb[i] = byte;
        let _ = encode(&g.wkb, 0);
    }

    #[test]
    fn what_is_encoded_decodes_to_the_same_wkb(class in 0_u32..4, points in proptest::collection::vec(any::<[i16; 4]>(), 1..40)) {
        let class = class * 1000 + 2;
        let mut wkb = vec![1];
        wkb.extend(class.to_le_bytes());
        wkb.extend((points.len() as u32).to_le_bytes());
        for point in &points {
            point[..dimensions(class)].iter().for_each(|&n| wkb.extend(f64::from(n).to_le_bytes()));
        }
        let blob = encode(&wkb, 4617).unwrap();
        let (found, back) = decoded(&blob).unwrap();
        prop_assert_eq!(back, wkb);
        let xs = points.iter().map(|p| f64::from(p[0]));
        prop_assert_eq!(found.mbr[0], xs.clone().fold(f64::INFINITY, f64::min));
        prop_assert_eq!(found.mbr[2], xs.fold(f64::NEG_INFINITY, f64::max));
    }
}
