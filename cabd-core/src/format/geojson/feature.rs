//! One feature: its properties by the place of their column, its geometry.

use std::fmt;

use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor, value,
};

use super::coordinates::{GeometrySeed, Read};
use crate::format::{Columns, RawValue};

/// What a feature holds.
pub(super) struct Feature {
    pub(super) is_feature: bool,
    pub(super) cells: Vec<RawValue>,
    pub(super) geometry: Read,
}

pub(super) struct FeatureSeed<'a>(pub(super) &'a mut Columns);

impl<'de> DeserializeSeed<'de> for FeatureSeed<'_> {
    type Value = Feature;

    fn deserialize<D: Deserializer<'de>>(self, d: D) -> Result<Feature, D::Error> {
        d.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for FeatureSeed<'_> {
    type Value = Feature;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a GeoJSON feature")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Feature, A::Error> {
        let mut feature = Feature {
            is_feature: false,
            cells: Vec::with_capacity(self.0.names().len()),
            geometry: Ok(None),
        };
        while let Some(member) = map.next_key::<Member>()? {
            match member {
                Member::Type => feature.is_feature = map.next_value::<IsFeature>()?.0,
                Member::Geometry => feature.geometry = map.next_value_seed(GeometrySeed)?,
                Member::Properties => map.next_value_seed(Properties {
                    columns: &mut *self.0,
                    cells: &mut feature.cells,
                })?,
                Member::Other => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(feature)
    }
}

#[derive(serde::Deserialize)]
#[serde(field_identifier, rename_all = "lowercase")]
enum Member {
    Type,
    Geometry,
    Properties,
    #[serde(other)]
    Other,
}

struct IsFeature(bool);

impl<'de> Deserialize<'de> for IsFeature {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let value = RawValue::deserialize(d)?;
        Ok(Self(value == RawValue::from("Feature")))
    }
}

struct Properties<'a> {
    columns: &'a mut Columns,
    cells: &'a mut Vec<RawValue>,
}

impl<'de> DeserializeSeed<'de> for Properties<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, d: D) -> Result<(), D::Error> {
        d.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Properties<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of properties or null")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut guess = 0;
        loop {
            let seed = Column {
                columns: &mut *self.columns,
                guess,
            };
            let Some(place) = map.next_key_seed(seed)? else {
                return Ok(());
            };
            guess = place + 1;
            let value = map.next_value::<RawValue>()?;
            if place == self.cells.len() {
                self.cells.push(value);
                continue;
            }
            if place > self.cells.len() {
                self.cells.resize(place + 1, RawValue::Null);
            }
            self.cells[place] = value;
        }
    }
}

struct Column<'a> {
    columns: &'a mut Columns,
    guess: usize,
}

impl<'de> DeserializeSeed<'de> for Column<'_> {
    type Value = usize;

    fn deserialize<D: Deserializer<'de>>(self, d: D) -> Result<usize, D::Error> {
        d.deserialize_identifier(self)
    }
}

impl Visitor<'_> for Column<'_> {
    type Value = usize;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a property name")
    }

    fn visit_str<E>(self, name: &str) -> Result<usize, E> {
        Ok(self.columns.add_near(name, self.guess))
    }
}

impl<'de> Deserialize<'de> for RawValue {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = RawValue;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON value")
            }

            fn visit_unit<E>(self) -> Result<RawValue, E> {
                Ok(RawValue::Null)
            }

            fn visit_bool<E>(self, v: bool) -> Result<RawValue, E> {
                Ok(RawValue::Bool(v))
            }

            fn visit_i64<E>(self, v: i64) -> Result<RawValue, E> {
                Ok(RawValue::Int(v))
            }

            fn visit_u64<E>(self, v: u64) -> Result<RawValue, E> {
                Ok(i64::try_from(v).map_or(RawValue::Double(v as f64), RawValue::Int))
            }

            fn visit_f64<E>(self, v: f64) -> Result<RawValue, E> {
                Ok(RawValue::Double(v))
            }

            fn visit_str<E>(self, v: &str) -> Result<RawValue, E> {
                Ok(RawValue::Text(v.to_owned()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<RawValue, A::Error> {
                let seq = value::SeqAccessDeserializer::new(seq);
                serde_json::Value::deserialize(seq).map(RawValue::Json)
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<RawValue, A::Error> {
                let map = value::MapAccessDeserializer::new(map);
                serde_json::Value::deserialize(map).map(RawValue::Json)
            }
        }
        d.deserialize_any(Any)
    }
}
