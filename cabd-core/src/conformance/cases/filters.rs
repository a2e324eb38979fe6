//! Tests of attributes: every operator on every data type, nulls, case, wildcards, labels, names.

use crate::conformance::world::*;
use crate::error::ErrorKind;
use crate::query::{FeatureQuery, Filter, Operator};
use crate::store::Store;
use crate::value::Value;

const ORDERED: &[Operator] = &[
    Operator::In,
    Operator::NotIn,
    Operator::Eq,
    Operator::Neq,
    Operator::Lt,
    Operator::Lte,
    Operator::Gt,
    Operator::Gte,
    Operator::IsNull,
    Operator::NotNull,
];
const TEXT: &[Operator] = &[
    Operator::In,
    Operator::NotIn,
    Operator::Eq,
    Operator::Neq,
    Operator::Like,
    Operator::IsNull,
    Operator::NotNull,
];
const EQUAL: &[Operator] = &[
    Operator::In,
    Operator::NotIn,
    Operator::Eq,
    Operator::Neq,
    Operator::IsNull,
    Operator::NotNull,
];
const BOOLEAN: &[Operator] = &[
    Operator::Eq,
    Operator::Neq,
    Operator::IsNull,
    Operator::NotNull,
];
const NULL: &[Operator] = &[Operator::IsNull, Operator::NotNull];

/// An attribute, the operators of its type, the smaller value (weir 1) and the greater value (weir 2) as texts.
const TYPES: [(&str, &[Operator], &str, &str); 14] = [
    ("weir_name_en", TEXT, "Alder Weir", "Birch Dam"),
    ("comments", TEXT, "apple", "berry"),
    ("region_code", TEXT, "on", "qc"),
    ("size_code", ORDERED, "1", "2"),
    ("built_year", ORDERED, "-5", "1968"),
    ("height_m", ORDERED, "0.1", "2.5"),
    ("length_m", ORDERED, "-1.5", "1e3"),
    ("assessed_on", ORDERED, "1969-12-31", "2019-05-01"),
    (
        "assessed_at",
        ORDERED,
        "2024-09-17T22:52:36.123455Z",
        "2024-09-17T22:52:36.123456Z",
    ),
    ("in_use", BOOLEAN, "false", "true"),
    (
        "owner_id",
        EQUAL,
        "00000000-0000-0000-0000-0000000000aa",
        "FF000000-0000-0000-0000-0000000000BB",
    ),
    ("tags", TEXT, "[\"ash\",\"fir\"]", "[\"oak\"]"),
    ("steps", EQUAL, "[1,2]", "[3]"),
    ("readings", EQUAL, "[0.5,1.5]", "[2.5]"),
];

/// Weirs 1 and 2 have the two values of every type, weir 3 has none.
async fn three(store: &dyn Store) {
    furnish(store).await;
    let mut ops = vec![weir(1), weir(2), weir(3)];
    for (a, _, small, great) in TYPES {
        ops[0] = ops[0].clone().set(a, small);
        ops[1] = ops[1].clone().set(a, great);
    }
    write(store, ops).await;
}

fn test(a: &str, operator: Operator, values: &[&str]) -> FeatureQuery {
    let mut q = weirs();
    q.filter = Some(Filter::test(
        a,
        operator,
        values.iter().map(|v| Value::from(*v)),
    ));
    q
}

fn negated(q: &FeatureQuery) -> FeatureQuery {
    let mut q = q.clone();
    q.filter = q.filter.map(|f| Filter::Not(Box::new(f)));
    q
}

fn element(text: &str) -> &str {
    match text {
        "[\"ash\",\"fir\"]" => "fir",
        "[\"oak\"]" => "oak",
        "[1,2]" => "2",
        "[3]" => "3",
        "[0.5,1.5]" => "1.5",
        "[2.5]" => "2.5",
        other => other,
    }
}

pub async fn every_operator_works_on_the_types_it_is_for(store: &dyn Store) {
    three(store).await;
    for (a, operators, small, great) in TYPES {
        let (small, great) = (element(small), element(great));
        for operator in operators {
            let (values, expected): (&[&str], &[u128]) = match operator {
                Operator::In => (&[great, great], &[2]),
                Operator::NotIn => (&[great, great], &[1]),
                Operator::Eq => (&[great], &[2]),
                Operator::Neq => (&[great], &[1]),
                Operator::Lt => (&[great], &[1]),
                Operator::Lte => (&[great], &[1, 2]),
                Operator::Gt => (&[small], &[2]),
                Operator::Gte => (&[small], &[1, 2]),
                Operator::Like => (&[&great[1..]], &[2]),
                Operator::IsNull => (&[], &[3]),
                Operator::NotNull => (&[], &[1, 2]),
                // Of sources, not of values.
                Operator::From | Operator::NoSource | Operator::HasSource => continue,
            };
            let q = test(a, *operator, values);
            assert_eq!(
                found(store, &q).await,
                expected,
                "{a} {operator} {values:?}"
            );
            let others: Vec<u128> = (1..=3).filter(|n| !expected.contains(n)).collect();
            assert_eq!(
                found(store, &negated(&q)).await,
                others,
                "not {a} {operator} {values:?}"
            );
        }
    }
}

pub async fn an_operator_of_another_type_is_refused(store: &dyn Store) {
    three(store).await;
    let all = TYPES
        .iter()
        .map(|(a, o, _, great)| (*a, *o, element(great)));
    for (a, operators, value) in all.chain([
        ("geometry", NULL, "POINT(0 0)"),
        ("datasource_url", TEXT, "x"),
    ]) {
        for operator in Operator::ALL {
            // Tests of sources are not of a type.
            if operators.contains(&operator) || operator.is_of_sources() {
                continue;
            }
            let e = unanswered(store, ErrorKind::Invalid, &test(a, operator, &[value])).await;
            explains(&e, a);
            assert!(e.expectation().unwrap().contains("isnull"), "{e:?}");
            assert_eq!(
                store
                    .count(&test(a, operator, &[value]))
                    .await
                    .unwrap_err()
                    .kind(),
                ErrorKind::Invalid
            );
        }
    }
}

pub async fn a_value_of_another_type_is_refused(store: &dyn Store) {
    three(store).await;
    for (a, bad) in [
        ("height_m", "tall"),
        ("height_m", "NaN"),
        ("height_m", "1e999"),
        ("height_m", "1,5"),
        ("length_m", "inf"),
        ("built_year", "last year"),
        ("size_code", "Small"),
        ("in_use", "perhaps"),
        ("owner_id", "17"),
        ("assessed_on", "May 1st"),
        ("assessed_on", "2019-13-01"),
        ("assessed_at", "yesterday"),
        ("steps", "one"),
        ("readings", "half"),
        ("latitude", "north"),
    ] {
        let e = unanswered(store, ErrorKind::Invalid, &test(a, Operator::Eq, &[bad])).await;
        explains(&e, a);
    }
    for a in [
        "height_m",
        "built_year",
        "in_use",
        "assessed_on",
        "owner_id",
    ] {
        let e = unanswered(store, ErrorKind::Invalid, &test(a, Operator::Eq, &[""])).await;
        assert!(e.next_step().unwrap().contains("isnull"), "{e:?}");
    }
    let mut q = weirs();
    for (a, bad) in [
        ("height_m", Value::from(f64::NAN)),
        ("height_m", Value::from(true)),
        ("comments", Value::Null),
        ("size", Value::Null),
        ("in_use", Value::from(0.5)),
    ] {
        q.filter = Some(Filter::test(a, Operator::Eq, [bad]));
        unanswered(store, ErrorKind::Invalid, &q).await;
    }
}

pub async fn a_test_with_the_wrong_number_of_values_is_refused(store: &dyn Store) {
    three(store).await;
    for (operator, values) in [
        (Operator::Eq, &[][..]),
        (Operator::Eq, &["1", "2"]),
        (Operator::In, &[]),
        (Operator::NotIn, &[]),
        (Operator::Lt, &["1", "2"]),
        (Operator::IsNull, &["1"]),
        (Operator::NotNull, &["1"]),
    ] {
        unanswered(
            store,
            ErrorKind::Invalid,
            &test("height_m", operator, values),
        )
        .await;
        if operator != Operator::Lt {
            unanswered(store, ErrorKind::Invalid, &test("size", operator, values)).await;
            let mut q = weirs();
            q.names = vec![crate::query::NameFilter {
                operator,
                values: values.iter().map(|v| (*v).to_owned()).collect(),
            }];
            unanswered(store, ErrorKind::Invalid, &q).await;
        }
    }
}

pub async fn null_never_passes_a_comparison(store: &dyn Store) {
    three(store).await;
    for filter in [
        "height_m:neq:99",
        "height_m:notin:98,99",
        "size:neq:huge",
        "comments:neq:",
        "in_use:neq:true",
    ] {
        let ids = found(store, &filtered("weirs", filter)).await;
        assert!(!ids.contains(&3), "{filter}: {ids:?}");
    }
    // A test of null is false, so its negation is true.
    let not = negated(&filtered("weirs", "height_m:gt:0"));
    assert_eq!(found(store, &not).await, [3]);
}

pub async fn integers_compare_exactly_with_fractions_and_great_numbers(store: &dyn Store) {
    furnish(store).await;
    let years = [
        2,
        3,
        9_007_199_254_740_993,
        i64::MAX,
        i64::MIN,
        10_000_000_000_000_000,
    ];
    let ops = years
        .iter()
        .zip(1..)
        .map(|(y, n)| weir(n).set("built_year", *y));
    write(store, ops.chain([weir(9)]).collect()).await;
    for (filter, expected) in [
        ("built_year:lt:2.5", vec![1, 5]),
        ("built_year:lte:2.5", vec![1, 5]),
        ("built_year:gt:2.5", vec![2, 3, 4, 6]),
        ("built_year:gte:2.000001", vec![2, 3, 4, 6]),
        ("built_year:eq:2.5", vec![]),
        ("built_year:neq:2.5", vec![1, 2, 3, 4, 5, 6]),
        ("built_year:eq:3.0", vec![2]),
        ("built_year:in:2.5,3", vec![2]),
        ("built_year:notin:2.5,3", vec![1, 3, 4, 5, 6]),
        ("built_year:eq:9007199254740993", vec![3]),
        ("built_year:eq:9007199254740992", vec![]),
        ("built_year:lt:1e16", vec![1, 2, 3, 5]),
        ("built_year:lte:1e16", vec![1, 2, 3, 5, 6]),
        ("built_year:gt:1e16", vec![4]),
        ("built_year:lt:1e30", vec![1, 2, 3, 4, 5, 6]),
        ("built_year:gt:1e30", vec![]),
        ("built_year:gte:-1e30", vec![1, 2, 3, 4, 5, 6]),
        ("built_year:lt:-1e30", vec![]),
        ("built_year:gte:9223372036854775807", vec![4]),
        ("built_year:lte:-9223372036854775808", vec![5]),
    ] {
        assert_eq!(
            found(store, &filtered("weirs", filter)).await,
            expected,
            "{filter}"
        );
    }
}

pub async fn doubles_compare_exactly(store: &dyn Store) {
    furnish(store).await;
    let ops = vec![
        weir(1).set("height_m", 0.3).set("length_m", 0.1),
        weir(2).set("height_m", 0.1 + 0.2).set("length_m", -0.0),
        weir(3).set("height_m", 3).set("length_m", 1e-9),
    ];
    write(store, ops).await;
    for (filter, expected) in [
        ("height_m:eq:0.3", vec![1]),
        ("height_m:gt:0.3", vec![2, 3]),
        ("height_m:eq:3", vec![3]),
        ("length_m:eq:0.1", vec![1]),
        ("length_m:eq:0", vec![2]),
        ("length_m:gt:0", vec![1, 3]),
        ("length_m:in:0.1,1e-9", vec![1, 3]),
    ] {
        assert_eq!(
            found(store, &filtered("weirs", filter)).await,
            expected,
            "{filter}"
        );
    }
}

pub async fn text_is_compared_without_regard_to_case(store: &dyn Store) {
    furnish(store).await;
    let texts = [
        "ÉTÉ à ŒUVRE",
        "İstanbul",
        "STRASSE straße",
        "ΟΔΌΣ ΣΊΣΥΦΟΣ",
        "плотина НА реке",
        "ete",
    ];
    let ops = texts.iter().zip(1..);
    write(
        store,
        ops.map(|(t, n)| {
            weir(n)
                .set("comments", *t)
                .set("tags", Value::List(vec![(*t).into()]))
        })
        .collect(),
    )
    .await;
    for (value, eq, like) in [
        ("été À œuvre", vec![1], vec![1]),
        ("Été", vec![], vec![1]),
        ("i\u{307}stanbul", vec![2], vec![2]),
        ("İSTANBUL", vec![2], vec![2]),
        ("istanbul", vec![], vec![]),
        ("STANBUL", vec![], vec![2]),
        ("strasse STRAßE", vec![3], vec![3]),
        ("straẞe", vec![], vec![3]),
        ("οδός σίσυφος", vec![4], vec![4]),
        ("ΟΔΌΣ", vec![], vec![4]),
        ("ПЛОТИНА на РЕКЕ", vec![5], vec![5]),
        ("ETE", vec![6], vec![6]),
    ] {
        for (a, operator, expected) in [
            ("comments", Operator::Eq, &eq),
            ("comments", Operator::In, &eq),
            ("comments", Operator::Like, &like),
            ("tags", Operator::Eq, &eq),
            ("tags", Operator::Like, &like),
        ] {
            let ids = found(store, &test(a, operator, &[value])).await;
            assert_eq!(&ids, expected, "{a} {operator} {value}");
        }
    }
}

pub async fn wildcards_quotes_and_commas_in_a_value_are_ordinary_text(store: &dyn Store) {
    furnish(store).await;
    let ops = super::values::HOSTILE.iter().zip(1..);
    write(
        store,
        ops.map(|(t, n)| weir(n).set("comments", *t)).collect(),
    )
    .await;
    for (t, n) in super::values::HOSTILE.iter().zip(1u128..) {
        assert_eq!(
            found(store, &test("comments", Operator::Eq, &[t])).await,
            [n],
            "{t:?}"
        );
        let like = found(store, &test("comments", Operator::Like, &[t])).await;
        assert!(like.contains(&n), "{t:?}: {like:?}");
        let not = found(store, &test("comments", Operator::NotIn, &[t])).await;
        assert_eq!(not.len(), super::values::HOSTILE.len() - 1, "{t:?}");
    }
    for (like, expected) in [
        ("%", vec![7]),
        ("_", vec![7, 14]),
        ("_SURE_ \\%", vec![7]),
        ("100 %", vec![7]),
        ("s%e", vec![]),
        ("*", vec![7]),
        ("\\", vec![6, 7]),
        ("'", vec![4, 5]),
        ("a,b", vec![6]),
        ("\"", vec![4, 13]),
        ("K\r\nA", vec![8]),
    ] {
        let q = test("comments", Operator::Like, &[like]);
        assert_eq!(found(store, &q).await, expected, "{like:?}");
    }
    // The empty text is a value, and every text contains it.
    assert_eq!(
        found(store, &test("comments", Operator::Like, &[""]))
            .await
            .len(),
        16
    );
    assert_eq!(
        found(store, &filtered("weirs", "comments:eq:a,b;c:d|e\\f")).await,
        [6]
    );
}

pub async fn an_array_passes_when_one_of_its_elements_does(store: &dyn Store) {
    furnish(store).await;
    let texts = |t: &[&str]| Value::List(t.iter().map(|t| Value::from(*t)).collect());
    let ints = |t: &[i64]| Value::List(t.iter().map(|t| Value::from(*t)).collect());
    write(
        store,
        vec![
            weir(1)
                .set("tags", texts(&["Ash", "Fir, old"]))
                .set("steps", ints(&[1, 2]))
                .set("readings", "0.5;1.5"),
            weir(2)
                .set("tags", texts(&["fir"]))
                .set("steps", ints(&[2, 3]))
                .set("readings", "2"),
            weir(3)
                .set("tags", texts(&[]))
                .set("steps", ints(&[]))
                .set("readings", Value::List(vec![])),
            weir(4),
        ],
    )
    .await;
    for (filter, expected) in [
        ("tags:eq:ASH", vec![1]),
        ("tags:eq:fir", vec![2]),
        ("tags:like:FIR", vec![1, 2]),
        ("tags:in:ash,fir", vec![1, 2]),
        ("tags:notin:ash", vec![2, 3]),
        ("tags:neq:fir", vec![1, 3]),
        ("steps:eq:2", vec![1, 2]),
        ("steps:in:1,3", vec![1, 2]),
        ("steps:neq:1", vec![2, 3]),
        ("steps:notin:1,2,3", vec![3]),
        ("readings:eq:1.5", vec![1]),
        ("readings:eq:2", vec![2]),
        ("readings:notin:0.5,2", vec![3]),
        ("readings:isnull:", vec![4]),
        ("steps:notnull:", vec![1, 2, 3]),
    ] {
        assert_eq!(
            found(store, &filtered("weirs", filter)).await,
            expected,
            "{filter}"
        );
    }
}

pub async fn a_label_is_filtered_in_the_language_of_the_question(store: &dyn Store) {
    furnish(store).await;
    let sizes = [Some(1), Some(2), Some(3), Some(4), Some(5), None];
    let ops = sizes.iter().zip(1..);
    write(
        store,
        ops.map(|(s, n)| weir(n).set("size_code", *s).set("region_code", "qc"))
            .collect(),
    )
    .await;
    for (filter, english, french) in [
        ("size:eq:LARGE", vec![3, 5], vec![]),
        ("size:eq:grand", vec![], vec![3]),
        ("size:eq:énorme", vec![], vec![5]),
        ("size:eq:huge", vec![4], vec![4]),
        ("size:neq:large", vec![1, 2, 4], vec![1, 2, 3, 4, 5]),
        ("size:in:small,petit", vec![1], vec![1]),
        ("size:notin:small,petit", vec![2, 3, 4, 5], vec![2, 3, 4, 5]),
        ("size:like:M", vec![1, 2], vec![2, 5]),
        ("size:isnull:", vec![6], vec![6]),
        ("size:notnull:", vec![1, 2, 3, 4, 5], vec![1, 2, 3, 4, 5]),
        ("region:eq:québec", vec![], vec![1, 2, 3, 4, 5, 6]),
        ("region:eq:quebec", vec![1, 2, 3, 4, 5, 6], vec![]),
    ] {
        let q = filtered("weirs", filter);
        assert_eq!(found(store, &q).await, english, "{filter}");
        assert_eq!(
            found(store, &in_french(q)).await,
            french,
            "{filter} in French"
        );
    }
    let q = negated(&filtered("weirs", "size:eq:large"));
    assert_eq!(found(store, &q).await, [1, 2, 4, 6]);
}

pub async fn many_values_in_a_list_are_one_condition(store: &dyn Store) {
    furnish(store).await;
    write(
        store,
        (1..=30)
            .map(|n| weir(n).set("built_year", n as i64 * 100))
            .collect(),
    )
    .await;
    let years: Vec<String> = (0..5_000).map(|y| y.to_string()).collect();
    let q = filtered("weirs", &format!("built_year:in:{}", years.join(",")));
    assert_eq!(found(store, &q).await.len(), 30);
    let q = filtered(
        "weirs",
        &format!("built_year:notin:{}", years[..1_001].join(",")),
    );
    assert_eq!(found(store, &q).await.len(), 20);
}
