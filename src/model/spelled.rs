//! What all nouns with a spelling share: one error, and text in and out of every format.

/// Tells why a text is not a valid noun.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a valid {noun}: {reason}")]
pub struct InvalidNoun {
    /// The noun as people call it, such as `pack name`.
    pub noun: &'static str,
    /// The text as it was found.
    pub text: String,
    /// What is wrong with it, as half a sentence.
    pub reason: String,
}

impl InvalidNoun {
    pub(super) fn new(noun: &'static str, text: &str, reason: impl Into<String>) -> Self {
        InvalidNoun { noun, text: text.to_owned(), reason: reason.into() }
    }
}

/// Gives a noun with `parse` and `Display` its text form in serde, `FromStr` and JSON Schema.
macro_rules! spelled_as_text {
    ($noun:ty, $title:expr) => {
        impl std::str::FromStr for $noun {
            type Err = $crate::model::InvalidNoun;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                <$noun>::parse(text)
            }
        }
        impl serde::Serialize for $noun {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
        impl<'de> serde::Deserialize<'de> for $noun {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                <$noun>::parse(&text).map_err(serde::de::Error::custom)
            }
        }
        impl schemars::JsonSchema for $noun {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                $title.into()
            }
            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ "type": "string" })
            }
        }
    };
}
pub(super) use spelled_as_text;

/// Gives a noun that keeps its text, as `struct Noun(String)` does, that text in every form.
macro_rules! kept_as_text {
    ($noun:ty, $title:expr) => {
        impl $noun {
            /// Gives the text form.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl AsRef<str> for $noun {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }
        impl std::fmt::Display for $noun {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }
        $crate::model::spelled::spelled_as_text!($noun, $title);
    };
}
pub(super) use kept_as_text;
