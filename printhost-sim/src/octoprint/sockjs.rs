//! The two ways in which a message travels on the push channel: as it is, or framed as SockJS frames it.

use serde_json::Value;

use crate::uri::json_ascii;

/// The endpoint a client has opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    /// `/sockjs/websocket`: plain JSON.
    Raw,
    /// `/sockjs/SERVER/SESSION/websocket`: `o`, `a[…]`, `h` and `c[…]`.
    Framed,
}

impl Framing {
    /// Which endpoint a path below `/sockjs/` is.
    pub(super) fn of(path: &str) -> Option<Self> {
        let mut parts = path.split('/');
        match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some("websocket"), None, ..) => Some(Self::Raw),
            (Some(server), Some(session), Some("websocket"), None)
                if !server.is_empty()
                    && !session.is_empty()
                    && !format!("{server}{session}").contains('.') =>
            {
                Some(Self::Framed)
            }
            _ => None,
        }
    }

    /// What is sent before anything else.
    pub(super) fn opening(self) -> Option<&'static str> {
        (self == Self::Framed).then_some("o")
    }

    pub(super) fn heartbeat(self) -> Option<&'static str> {
        (self == Self::Framed).then_some("h")
    }

    pub(super) fn encode(self, message: &Value) -> String {
        let text = json_ascii(&message.to_string());
        match self {
            Self::Raw => text,
            Self::Framed => format!("a[{text}]"),
        }
    }

    /// The messages in what a client sent; none when that is malformed.
    pub(super) fn decode(self, text: &str) -> Vec<Value> {
        let parse = |text: &str| serde_json::from_str(text).ok();
        match self {
            Self::Raw => parse(text).into_iter().collect(),
            Self::Framed => {
                let messages: Vec<String> = serde_json::from_str(text).unwrap_or_default();
                messages.iter().filter_map(|message| parse(message)).collect()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_session_has_a_server_and_a_name() {
        assert_eq!(Framing::of("websocket"), Some(Framing::Raw));
        assert_eq!(Framing::of("123/abc/websocket"), Some(Framing::Framed));
        for path in
            ["", "123/websocket", "123//websocket", "1/a/b/websocket", "123/abc/xhr", "1/a.b/websocket"]
        {
            assert_eq!(Framing::of(path), None, "{path}");
        }
    }

    #[test]
    fn framed_messages_are_strings_in_a_list() {
        let framed = Framing::Framed;
        assert_eq!(framed.encode(&json!({ "a": "ü" })), r#"a[{"a":"\u00fc"}]"#);
        assert_eq!(framed.decode(r#"["{\"throttle\": 2}"]"#), [json!({ "throttle": 2 })]);
        assert!(framed.decode(r#"{"throttle": 2}"#).is_empty());
        assert_eq!(Framing::Raw.decode(r#"{"throttle": 2}"#), [json!({ "throttle": 2 })]);
    }
}
