//! Values to bytes and back, in the formats of Kafka's own serializers.

use bytes::Bytes;
use serde::{Serialize, de::DeserializeOwned};

/// Turns a `T` into the bytes of a key or value. The topic is there for formats that keep their schema by topic.
pub trait Serializer<T> {
    /// The bytes.
    ///
    /// # Errors
    /// If this value has no such form.
    fn serialize(&self, topic: &str, value: &T) -> Result<Bytes, SerdeError>;
}

/// Turns the bytes of a key or value back into a `T`.
pub trait Deserializer<T> {
    /// The value. Large ones may share the bytes they are given.
    ///
    /// # Errors
    /// If the bytes are not such a value.
    fn deserialize(&self, topic: &str, bytes: &Bytes) -> Result<T, SerdeError>;
}

/// Why a value could not be turned into bytes or back.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum SerdeError {
    /// The type has another length.
    Length {
        /// Bytes it has.
        expected: usize,
        /// Bytes given.
        got: usize,
    },
    /// Not UTF-8.
    NotText,
    /// Another format's own reason.
    Format(String),
}

impl core::fmt::Display for SerdeError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            SerdeError::Length { expected, got } => write!(f, "{got} bytes where {expected} belong"),
            SerdeError::NotText => f.write_str("not UTF-8"),
            SerdeError::Format(reason) => f.write_str(reason),
        }
    }
}

impl core::error::Error for SerdeError {}

/// Bytes as they are (`ByteArraySerializer`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct BytesSerde;

impl Serializer<Bytes> for BytesSerde {
    fn serialize(&self, _: &str, value: &Bytes) -> Result<Bytes, SerdeError> {
        Ok(value.clone())
    }
}

impl Deserializer<Bytes> for BytesSerde {
    fn deserialize(&self, _: &str, bytes: &Bytes) -> Result<Bytes, SerdeError> {
        Ok(bytes.clone())
    }
}

/// UTF-8 (`StringSerializer`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct Text;

impl Serializer<String> for Text {
    fn serialize(&self, _: &str, value: &String) -> Result<Bytes, SerdeError> {
        Ok(Bytes::copy_from_slice(value.as_bytes()))
    }
}

impl Deserializer<String> for Text {
    fn deserialize(&self, _: &str, bytes: &Bytes) -> Result<String, SerdeError> {
        core::str::from_utf8(bytes).map(str::to_owned).map_err(|_| SerdeError::NotText)
    }
}

macro_rules! numbers {
    ($($name:ident: $ty:ty, $java:literal;)*) => {$(
        #[doc = concat!("Big-endian (`", $java, "`).")]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
        pub struct $name;

        impl Serializer<$ty> for $name {
            fn serialize(&self, _: &str, value: &$ty) -> Result<Bytes, SerdeError> {
                Ok(Bytes::copy_from_slice(&value.to_be_bytes()))
            }
        }

        impl Deserializer<$ty> for $name {
            fn deserialize(&self, _: &str, bytes: &Bytes) -> Result<$ty, SerdeError> {
                let wrong = || SerdeError::Length { expected: size_of::<$ty>(), got: bytes.len() };
                Ok(<$ty>::from_be_bytes(bytes[..].try_into().map_err(|_| wrong())?))
            }
        }
    )*};
}

numbers! {
    Short: i16, "ShortSerializer";
    Int: i32, "IntegerSerializer";
    Long: i64, "LongSerializer";
    Float: f32, "FloatSerializer";
    Double: f64, "DoubleSerializer";
}

/// JSON of anything that serde knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct Json;

impl<T: Serialize> Serializer<T> for Json {
    fn serialize(&self, _: &str, value: &T) -> Result<Bytes, SerdeError> {
        serde_json::to_vec(value).map(Bytes::from).map_err(|e| SerdeError::Format(e.to_string()))
    }
}

impl<T: DeserializeOwned> Deserializer<T> for Json {
    fn deserialize(&self, _: &str, bytes: &Bytes) -> Result<T, SerdeError> {
        serde_json::from_slice(bytes).map_err(|e| SerdeError::Format(e.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_the_bytes_of_the_java_serializers() {
        assert_eq!(Int.serialize("t", &258).unwrap(), Bytes::from_static(&[0, 0, 1, 2]));
        assert_eq!(Long.serialize("t", &-1).unwrap(), Bytes::from_static(&[0xff; 8]));
        assert_eq!(Short.serialize("t", &-2).unwrap(), Bytes::from_static(&[0xff, 0xfe]));
        assert_eq!(Double.serialize("t", &1.0).unwrap(), Bytes::from_static(&[0x3f, 0xf0, 0, 0, 0, 0, 0, 0]));
        assert_eq!(Float.deserialize("t", &Float.serialize("t", &0.5).unwrap()), Ok(0.5));
        assert_eq!(Long.deserialize("t", &Long.serialize("t", &i64::MIN).unwrap()), Ok(i64::MIN));
        let short = Bytes::from_static(&[1, 2, 3]);
        assert_eq!(Int.deserialize("t", &short), Err(SerdeError::Length { expected: 4, got: 3 }));
    }

    #[test]
    fn text_that_is_not_utf8_is_refused() {
        let text = Text.serialize("t", &"häuser".to_owned()).unwrap();
        assert_eq!(Text.deserialize("t", &text), Ok("häuser".to_owned()));
        assert_eq!(Text.deserialize("t", &Bytes::from_static(&[0xff])), Err(SerdeError::NotText));
    }

    #[test]
    fn json_takes_what_serde_takes() {
        let bytes = Json.serialize("t", &(1, "a".to_owned())).unwrap();
        assert_eq!(bytes, Bytes::from_static(b"[1,\"a\"]"));
        assert_eq!(Json.deserialize("t", &bytes), Ok((1, "a".to_owned())));
        let wrong: Result<u32, SerdeError> = Json.deserialize("t", &bytes);
        assert!(matches!(wrong, Err(SerdeError::Format(_))));
    }
}
