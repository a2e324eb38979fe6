//! The original's filter texts: `<attribute>:<operator>:<values>` and `<operator>:<values>`.

use super::filter::{Filter, NameFilter, Operator};
use crate::error::{Error, Result};
use crate::value::Value;

const FORM: &str = "<attribute>:<operator>:<value>[,<value>…], for example height_m:gte:15";
const NAME_FORM: &str = "<operator>:<value>[,<value>…], for example like:mill";

fn values(operator: Operator, rest: &str) -> Vec<&str> {
    match operator {
        Operator::IsNull | Operator::NotNull | Operator::NoSource | Operator::HasSource => vec![],
        Operator::In | Operator::NotIn => rest.split(',').collect(),
        _ => vec![rest],
    }
}

/// Reads one filter. Only the first two colons split; null tests need no value.
///
/// ```
/// use cabd_core::query::{Operator, parse_filter, Filter};
/// let f = parse_filter("dam_id:notnull:")?;
/// assert_eq!(f, Filter::test("dam_id", Operator::NotNull, []));
/// # Ok::<(), cabd_core::Error>(())
/// ```
///
/// # Errors
/// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) when the form or the operator is wrong. Whether the attribute exists and the value fits is
/// found when the query is planned.
pub fn parse_filter(text: &str) -> Result<Filter> {
    let refused = |message: &'static str| {
        Error::invalid(message)
            .field("filter")
            .value(text)
            .expected(FORM)
    };
    let (attribute, rest) = text
        .split_once(':')
        .ok_or_else(|| refused("not a filter"))?;
    let (operator, rest) = rest
        .split_once(':')
        .ok_or_else(|| refused("a filter needs two colons"))?;
    let operator: Operator = operator.trim().parse()?;
    let attribute = attribute.trim();
    if attribute.is_empty() {
        return Err(refused("no attribute before the colon"));
    }
    let values = values(operator, rest).into_iter().map(Value::from);
    Ok(Filter::test(attribute, operator, values))
}

/// Reads one name filter.
///
/// # Errors
/// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) when the form is wrong or the operator is one of order.
pub fn parse_name_filter(text: &str) -> Result<NameFilter> {
    let refused = |message: &'static str| {
        Error::invalid(message)
            .field("namefilter")
            .value(text)
            .expected(NAME_FORM)
    };
    let (operator, rest) = text
        .split_once(':')
        .ok_or_else(|| refused("not a name filter"))?;
    let operator: Operator = operator
        .trim()
        .parse()
        .map_err(|e: Error| e.field("namefilter"))?;
    if operator.is_of_sources() {
        return Err(refused("names are not tests of sources").hint("use filter instead"));
    }
    if matches!(
        operator,
        Operator::Lt | Operator::Lte | Operator::Gt | Operator::Gte
    ) {
        return Err(
            refused("names have no order to compare").hint("use in, notin, eq, neq or like")
        );
    }
    Ok(NameFilter {
        operator,
        values: values(operator, rest)
            .into_iter()
            .map(str::to_owned)
            .collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_two_colons_split() {
        let f = parse_filter("comments:like:see: note").unwrap();
        assert_eq!(
            f,
            Filter::test("comments", Operator::Like, [Value::from("see: note")])
        );
    }

    #[test]
    fn a_missing_colon_or_a_strange_operator_is_refused() {
        for bad in [
            "",
            "height_m",
            "height_m:gt",
            ":eq:1",
            "height_m:above:1",
            "notnull",
        ] {
            assert!(parse_filter(bad).is_err(), "{bad}");
        }
        assert!(parse_name_filter("lt:a").is_err());
    }
}
