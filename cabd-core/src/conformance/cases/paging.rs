//! Order and pages.

use crate::conformance::world::*;
use crate::error::ErrorKind;
use crate::page::Cursor;
use crate::query::FeatureQuery;
use crate::store::Store;
use crate::value::Value;

pub async fn nulls_come_last_upwards_and_downwards(store: &dyn Store) {
    furnish(store).await;
    write(
        store,
        vec![
            weir(1),
            weir(2)
                .set("height_m", 2.0)
                .set("comments", "")
                .set("size_code", 1),
            weir(3)
                .set("height_m", -1.0)
                .set("comments", "b")
                .set("size_code", 4),
            weir(4),
            weir(5)
                .set("height_m", 0.0)
                .set("comments", "a")
                .set("size_code", 2),
        ],
    )
    .await;
    for (key, expected) in [
        ("height_m", [3, 5, 2, 1, 4]),
        ("-height_m", [2, 5, 3, 1, 4]),
        ("comments", [2, 5, 3, 1, 4]),
        ("-comments", [3, 5, 2, 1, 4]),
        ("size", [3, 5, 2, 1, 4]),
        ("-size", [2, 5, 3, 1, 4]),
    ] {
        assert_eq!(
            found(store, &sorted("weirs", &[key])).await,
            expected,
            "{key}"
        );
    }
}

pub async fn text_comes_in_order_of_code_points(store: &dyn Store) {
    furnish(store).await;
    let texts = [
        "",
        " ",
        "!",
        "A",
        "B",
        "Z",
        "a",
        "a b",
        "a-b",
        "ab",
        "b",
        "z",
        "É",
        "é",
        "ﬀ",
        "\u{10000}",
    ];
    let ops = texts
        .iter()
        .zip(1u128..)
        .map(|(t, n)| weir(n).set("comments", *t));
    let mut ops: Vec<_> = ops.collect();
    ops.reverse();
    write(store, ops).await;
    let upwards: Vec<u128> = (1..=16).collect();
    assert_eq!(found(store, &sorted("weirs", &["comments"])).await, upwards);
    let downwards: Vec<u128> = (1..=16).rev().collect();
    assert_eq!(
        found(store, &sorted("weirs", &["-comments"])).await,
        downwards
    );
}

pub async fn rows_equal_in_the_sort_keys_come_by_identifier(store: &dyn Store) {
    furnish(store).await;
    let ops =
        [9u128, 4, 7, 1, 3].map(|n| weir(n).set("built_year", 1900).set("in_use", n % 2 == 1));
    write(store, ops.into()).await;
    assert_eq!(
        found(store, &sorted("weirs", &["built_year"])).await,
        [1, 3, 4, 7, 9]
    );
    assert_eq!(
        found(store, &sorted("weirs", &["-built_year"])).await,
        [1, 3, 4, 7, 9]
    );
    assert_eq!(
        found(store, &sorted("weirs", &["in_use", "-built_year"])).await,
        [4, 1, 3, 7, 9]
    );
    assert_eq!(
        found(store, &sorted("weirs", &["-cabd_id"])).await,
        [9, 7, 4, 3, 1]
    );
}

pub async fn limit_and_offset_cut_a_stable_order(store: &dyn Store) {
    furnish(store).await;
    let ops = (1..=10u128).rev().map(weir);
    write(store, ops.collect()).await;
    let mut q = weirs();
    for (offset, limit, expected) in [
        (0, Some(3), vec![1, 2, 3]),
        (3, Some(3), vec![4, 5, 6]),
        (9, Some(3), vec![10]),
        (10, Some(3), vec![]),
        (8, None, vec![9, 10]),
        (0, Some(0), vec![]),
        (0, Some(u64::MAX), (1..=10).collect()),
        (u64::MAX, Some(1), vec![]),
        (u64::MAX, Some(u64::MAX), vec![]),
    ] {
        (q.offset, q.limit) = (offset, limit);
        assert_eq!(ask(store, &q).await.ids(), expected, "{offset} {limit:?}");
    }
}

/// Weirs whose every sortable attribute has ties, nulls and extremes.
async fn many(store: &dyn Store) {
    furnish(store).await;
    let ops = (1..=40u128).map(|n| {
        let k = (n * 7) % 11;
        let op = weir_at(n, -75.0 + k as f64, 45.0 + (n % 3) as f64);
        if k == 0 {
            return op;
        }
        op.set(
            "weir_name_en",
            ["a", "B", "é", "", "ab", "Z", "\u{10000}", "ﬀ", "z", "o'x"][(k - 1) as usize],
        )
        .set("region_code", ["nb", "on", "qc", "zz"][(k % 4) as usize])
        .set("size_code", [1, 2, 3, 4, 5, 99][(k % 6) as usize])
        .set(
            "height_m",
            [0.1, 0.3, 0.1 + 0.2, -5e-324, 1e300][(k % 5) as usize],
        )
        .set("length_m", k as f64 / 3.0)
        .set(
            "built_year",
            [i64::MIN, -1, 0, i64::MAX, 9_007_199_254_740_993][(k % 5) as usize],
        )
        .set("in_use", k % 2 == 0)
        .set(
            "assessed_on",
            ["1969-12-31", "0001-01-01", "2020-02-29"][(k % 3) as usize],
        )
        .set(
            "assessed_at",
            format!("1969-12-31T23:59:59.{:06}Z", k * 99_999),
        )
        .set("owner_id", id(k << 100))
        .set("comments", "x".repeat((k * 300) as usize))
    });
    write(store, ops.collect()).await;
}

const KEYS: [&[&str]; 22] = [
    &["weir_name_en"],
    &["-weir_name_en"],
    &["region_code"],
    &["-region"],
    &["size", "-height_m"],
    &["size_code"],
    &["height_m"],
    &["-height_m"],
    &["length_m"],
    &["built_year"],
    &["-built_year"],
    &["in_use"],
    &["-in_use", "assessed_on"],
    &["assessed_on"],
    &["-assessed_at"],
    &["owner_id"],
    &["-owner_id"],
    &["comments"],
    &["is_large", "latitude"],
    &["-longitude", "-latitude", "size"],
    &["-cabd_id"],
    &["datasource_url"],
];

pub async fn pages_by_cursor_hold_every_row_once_whatever_the_order(store: &dyn Store) {
    many(store).await;
    for keys in KEYS {
        let whole = ask(store, &sorted("weirs", keys)).await.ids();
        assert_eq!(whole.len(), 40);
        for limit in [1, 7, 40] {
            let mut q = only(sorted("weirs", keys), &[]);
            q.limit = Some(limit);
            let mut walked = vec![];
            while walked.len() <= 40 {
                let page = ask(store, &q).await;
                walked.extend(page.ids());
                let Some(next) = page.next() else { break };
                // The cursor travels as text.
                q.after = Some(next.to_string().parse::<Cursor>().unwrap());
            }
            assert_eq!(walked, whole, "{keys:?} by {limit}");
        }
    }
}

pub async fn pages_by_offset_agree_with_pages_by_cursor(store: &dyn Store) {
    many(store).await;
    let mut q = sorted("weirs", &["size", "-built_year"]);
    let whole = ask(store, &q).await.ids();
    q.limit = Some(9);
    let mut walked = vec![];
    while walked.len() < 40 {
        q.offset = walked.len() as u64;
        walked.extend(ask(store, &q).await.ids());
    }
    assert_eq!(walked, whole);
    q.offset = 0;
    q.after = ask(store, &q).await.next();
    q.offset = 2;
    assert_eq!(
        ask(store, &q).await.ids(),
        whole[11..20],
        "an offset counts from the cursor"
    );
}

pub async fn every_batch_says_how_to_go_on(store: &dyn Store) {
    many(store).await;
    let mut q = sorted("weirs", &["height_m"]);
    q.batch_rows = 6;
    let answer = ask(store, &q).await;
    let whole = answer.ids();
    let mut seen = 0;
    for b in &answer.batches {
        assert!(b.rows() <= 6);
        seen += b.rows();
        let mut rest = sorted("weirs", &["height_m"]);
        rest.after = b.next.clone();
        assert!(rest.after.is_some());
        assert_eq!(ask(store, &rest).await.ids(), whole[seen..]);
    }
    assert_eq!(seen, 40);
}

pub async fn a_cursor_goes_on_past_rows_that_come_and_go(store: &dyn Store) {
    furnish(store).await;
    let year = |n: u128, y: i64| weir(n).set("built_year", y);
    write(
        store,
        (1..=6).map(|n| year(n * 10, n as i64 * 100)).collect(),
    )
    .await;
    let mut q = sorted("weirs", &["built_year"]);
    q.limit = Some(3);
    let first = ask(store, &q).await;
    assert_eq!(first.ids(), [10, 20, 30]);
    // One before and one after the cursor, one with the same key and a greater identifier; the cursor's own row goes.
    write(
        store,
        vec![
            year(5, 50),
            year(45, 450),
            year(35, 300),
            year(25, 300),
            delete(30),
            weir(70),
        ],
    )
    .await;
    q.after = first.next();
    q.limit = None;
    assert_eq!(ask(store, &q).await.ids(), [35, 40, 45, 50, 60, 70]);
}

pub async fn a_cursor_of_another_order_is_refused(store: &dyn Store) {
    many(store).await;
    let cursor = async |keys: &[&str]| {
        let mut q = sorted("weirs", keys);
        q.limit = Some(5);
        ask(store, &q).await.next()
    };
    for (given, asked) in [
        (&["height_m"][..], &[][..]),
        (&[], &["height_m"]),
        (&["height_m"], &["height_m", "size"]),
        (&["comments"], &["height_m"]),
        (&["owner_id"], &["comments"]),
        (&["built_year"], &["comments"]),
        (&["assessed_on"], &["assessed_at"]),
        (&["in_use"], &["built_year"]),
        (&["comments"], &["built_year"]),
    ] {
        let mut q = sorted("weirs", asked);
        q.after = cursor(given).await;
        let e = unanswered(store, ErrorKind::Invalid, &q).await;
        assert_eq!(e.field_name(), Some("cursor"), "{given:?} {asked:?}");
    }
    let mut q = sorted("weirs", &["built_year"]);
    q.after = Some(Cursor {
        keys: vec![Value::from("12")],
        id: id(1),
    });
    unanswered(store, ErrorKind::Invalid, &q).await;
}

pub async fn what_has_no_order_is_no_sort_key(store: &dyn Store) {
    furnish(store).await;
    for key in ["tags", "steps", "readings", "geometry"] {
        let e = unanswered(store, ErrorKind::Invalid, &sorted("weirs", &[key])).await;
        assert_eq!(e.field_name(), Some("sort"));
    }
    unanswered(
        store,
        ErrorKind::Invalid,
        &sorted("everything", &["known_use"]),
    )
    .await;
}

pub async fn pages_of_a_super_type_mix_its_members(store: &dyn Store) {
    furnish(store).await;
    let mut ops: Vec<_> = (1..=12u128)
        .map(|n| weir(n).set("height_m", (n % 4) as f64))
        .collect();
    ops.extend((13..=24u128).map(|n| fall(n).set("fall_height_m", (n % 4) as f64)));
    ops.extend([weir(25), fall(26)]);
    write(store, ops).await;
    for keys in [
        &["height_m"][..],
        &["-height_m", "kind"],
        &["rank"],
        &["year"],
        &["-weight", "name_en"],
        &["natural"],
        &["note"],
        &["feature_type"],
        &["passability"],
    ] {
        let whole = ask(store, &sorted("obstacles", keys)).await.ids();
        assert_eq!(whole.len(), 26);
        let mut q: FeatureQuery = sorted("obstacles", keys);
        q.limit = Some(5);
        let mut walked = vec![];
        while walked.len() < 26 {
            let page = ask(store, &q).await;
            walked.extend(page.ids());
            q.after = page.next();
            assert!(page.rows() > 0);
        }
        assert_eq!(walked, whole, "{keys:?}");
    }
    let q = sorted("obstacles", &["height_m"]);
    let by_hand: Vec<u128> = (0..4u128)
        .flat_map(|h| (1..=24).filter(move |n| n % 4 == h))
        .chain([25, 26])
        .collect();
    assert_eq!(ask(store, &q).await.ids(), by_hand);
}
