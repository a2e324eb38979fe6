//! Functions under SpatiaLite's names, with the answers of libspatialite 5.0.1.

use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::types::{Value, ValueRef};
use rusqlite::{Connection, ErrorCode, Result, ToSql};

use crate::codec::{self, Head};
use crate::spatial::identifier;

pub(super) fn register(conn: &Connection) -> Result<()> {
    add(
        conn,
        &["GeometryConstraints"],
        &[3, 4],
        geometry_constraints,
    )?;
    add(conn, &["MbrMinX", "ST_MinX"], &[1], |ctx| {
        Ok(head(ctx).map(|h| h.mbr[0]))
    })?;
    add(conn, &["MbrMinY", "ST_MinY"], &[1], |ctx| {
        Ok(head(ctx).map(|h| h.mbr[1]))
    })?;
    add(conn, &["MbrMaxX", "ST_MaxX"], &[1], |ctx| {
        Ok(head(ctx).map(|h| h.mbr[2]))
    })?;
    add(conn, &["MbrMaxY", "ST_MaxY"], &[1], |ctx| {
        Ok(head(ctx).map(|h| h.mbr[3]))
    })?;
    add(conn, &["X", "ST_X"], &[1], |ctx| {
        Ok(blob(ctx).and_then(codec::point_xy).map(|(x, _)| x))
    })?;
    add(conn, &["Y", "ST_Y"], &[1], |ctx| {
        Ok(blob(ctx).and_then(codec::point_xy).map(|(_, y)| y))
    })?;
    add(conn, &["SRID", "ST_SRID"], &[1], |ctx| {
        Ok(head(ctx).map(|h| h.srid))
    })?;
    add(conn, &["GeometryType", "ST_GeometryType"], &[1], |ctx| {
        Ok(head(ctx).map(|h| class_name(h.class)))
    })?;
    add(conn, &["MakePoint", "ST_Point"], &[2, 3], |ctx| {
        Ok(make_point(ctx))
    })?;
    add(conn, &["AsBinary", "ST_AsBinary"], &[1], |ctx| {
        Ok(as_binary(ctx))
    })?;
    add(conn, &["GeomFromWKB", "ST_GeomFromWKB"], &[1, 2], |ctx| {
        Ok(geom_from_wkb(ctx))
    })?;
    let writes = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_INNOCUOUS;
    conn.create_scalar_function("RTreeAlign", 3, writes, rtree_align)
}

/// Triggers call these, in files that nobody vouched for: INNOCUOUS lets them, whatever `trusted_schema` says.
fn add<T: ToSql + 'static>(
    conn: &Connection,
    names: &[&str],
    arities: &[i32],
    function: fn(&Context<'_>) -> Result<T>,
) -> Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8
        | FunctionFlags::SQLITE_DETERMINISTIC
        | FunctionFlags::SQLITE_INNOCUOUS;
    for name in names {
        for &arity in arities {
            conn.create_scalar_function(*name, arity, flags, function)?;
        }
    }
    Ok(())
}

fn blob<'a>(ctx: &'a Context<'_>) -> Option<&'a [u8]> {
    ctx.get_raw(0).as_blob().ok()
}

fn head(ctx: &Context<'_>) -> Option<Head> {
    blob(ctx).and_then(|blob| codec::head(blob).ok())
}

const CLASSES: [&str; 8] = [
    "GEOMETRY",
    "POINT",
    "LINESTRING",
    "POLYGON",
    "MULTIPOINT",
    "MULTILINESTRING",
    "MULTIPOLYGON",
    "GEOMETRYCOLLECTION",
];

fn class_name(class: u32) -> String {
    let dimensions = ["", " Z", " M", " ZM"][(class / 1000).min(3) as usize];
    format!("{}{dimensions}", CLASSES[(class % 1000).min(7) as usize])
}

/// An integer class code or the name of a class without dimensions.
fn wanted_class(argument: ValueRef<'_>) -> Option<u32> {
    match argument {
        ValueRef::Integer(code) => u32::try_from(code)
            .ok()
            .filter(|code| *code < 4000 && code % 1000 <= 7),
        ValueRef::Text(name) => (0..8).find(|&class| {
            CLASSES[class as usize]
                .as_bytes()
                .eq_ignore_ascii_case(name)
        }),
        _ => None,
    }
}

fn geometry_constraints(ctx: &Context<'_>) -> Result<i64> {
    let (Some(mut wanted), ValueRef::Integer(srid)) =
        (wanted_class(ctx.get_raw(1)), ctx.get_raw(2))
    else {
        return Ok(-1);
    };
    if ctx.len() == 4 {
        let dimensions = ctx
            .get_raw(3)
            .as_bytes_or_null()
            .ok()
            .flatten()
            .unwrap_or_default()
            .to_ascii_uppercase();
        wanted = wanted % 1000
            + match dimensions.as_slice() {
                b"XYZ" => 1000,
                b"XYM" => 2000,
                b"XYZM" => 3000,
                _ => 0,
            };
    }
    if ctx.get_raw(0) == ValueRef::Null {
        return Ok(1);
    }
    Ok(match head(ctx) {
        None => -1,
        Some(found) => i64::from(
            i64::from(found.srid) == srid && (wanted % 1000 == 0 || wanted == found.class),
        ),
    })
}

fn rtree_align(ctx: &Context<'_>) -> Result<i64> {
    let (ValueRef::Text(index), ValueRef::Integer(id)) = (ctx.get_raw(0), ctx.get_raw(1)) else {
        return Ok(-1);
    };
    let mbr = match ctx.get_raw(2) {
        ValueRef::Null => return Ok(1),
        ValueRef::Blob(blob) => match codec::head(blob) {
            Ok(head) => head.mbr,
            Err(_) => return Ok(1),
        },
        _ => return Ok(-1),
    };
    let index = String::from_utf8_lossy(index);
    let name = index
        .strip_prefix('"')
        .and_then(|name| name.strip_suffix('"'))
        .map(|name| name.replace("\"\"", "\""));
    // SAFETY: the handle is used on the thread that SQLite runs this function on and is gone before the function returns; nothing that
    // borrows from it is kept.
    #[allow(unsafe_code)]
    let conn = unsafe { ctx.get_connection()? };
    let insert = format!(
        "INSERT INTO {} VALUES (?1, ?2, ?3, ?4, ?5)",
        identifier(name.as_deref().unwrap_or(&index))
    );
    let [minx, miny, maxx, maxy] = mbr;
    match conn.execute(&insert, (id, minx, maxx, miny, maxy)) {
        Ok(_) => Ok(1),
        Err(error) => match error.sqlite_error_code() {
            Some(ErrorCode::ConstraintViolation | ErrorCode::Unknown) | None => Ok(0),
            Some(_) => Err(error),
        },
    }
}

fn number(argument: ValueRef<'_>) -> Option<f64> {
    match argument {
        ValueRef::Integer(number) => Some(number as f64),
        ValueRef::Real(number) => Some(number),
        _ => None,
    }
}

/// The SRID argument: 0 when it is not there, `None` when it is not an integer of 32 bits.
fn srid(ctx: &Context<'_>, place: usize) -> Option<i32> {
    if ctx.len() <= place {
        return Some(0);
    }
    match ctx.get_raw(place) {
        ValueRef::Integer(srid) => i32::try_from(srid).ok(),
        _ => None,
    }
}

fn make_point(ctx: &Context<'_>) -> Option<Value> {
    let (x, y) = (number(ctx.get_raw(0))?, number(ctx.get_raw(1))?);
    Some(Value::Blob(
        codec::encode_point(x, y, srid(ctx, 2)?).to_vec(),
    ))
}

fn as_binary(ctx: &Context<'_>) -> Option<Value> {
    let mut wkb = Vec::new();
    codec::decode(blob(ctx)?, &mut wkb).ok()?;
    Some(Value::Blob(wkb))
}

fn geom_from_wkb(ctx: &Context<'_>) -> Option<Value> {
    codec::encode(blob(ctx)?, srid(ctx, 1)?)
        .ok()
        .map(Value::Blob)
}
