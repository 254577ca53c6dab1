//! Just enough of the configuration language to read this project's own examples: blocks, labels, literal values, objects
//! and lists. Anything else, such as a reference, is kept as its text.

use serde_json::{Map, Value, json};

/// A block, or a whole file.
#[derive(Debug, Default)]
pub(crate) struct Block {
    /// Its kind and labels, such as `action`, `huaweidb_stop_backup`, `emergency`.
    pub(crate) words: Vec<String>,
    /// What is set in it.
    pub(crate) attributes: Map<String, Value>,
    /// The blocks in it.
    pub(crate) blocks: Vec<Block>,
}

impl Block {
    /// Reads a file.
    #[track_caller]
    pub(crate) fn read(text: &str) -> Self {
        let mut reader = Reader { rest: text };
        let file = reader.body();
        assert_eq!(reader.rest, "", "a brace too many");
        file
    }

    /// The first block of this kind.
    #[track_caller]
    pub(crate) fn block(&self, kind: &str) -> &Block {
        let found = self.blocks.iter().find(|block| block.words[0] == kind);
        found.unwrap_or_else(|| panic!("there is no block {kind} in {self:?}"))
    }

    /// Its attributes as an object.
    pub(crate) fn object(&self) -> Value {
        Value::Object(self.attributes.clone())
    }
}

struct Reader<'a> {
    rest: &'a str,
}

impl Reader<'_> {
    /// Skips white space and comments.
    fn skip(&mut self) {
        loop {
            self.rest = self.rest.trim_start();
            if !self.rest.starts_with('#') {
                return;
            }
            self.rest = self.rest.split_once('\n').map_or("", |(_, rest)| rest);
        }
    }

    fn take(&mut self, sign: char) -> bool {
        self.skip();
        let rest = self.rest.strip_prefix(sign);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn word(&mut self) -> String {
        self.skip();
        let end = self.rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(self.rest.len());
        assert!(end > 0, "a word is missing before {:?}", self.rest.get(..30));
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        word.to_owned()
    }

    fn text(&mut self) -> String {
        let rest = self.rest.strip_prefix('"').expect("a text");
        let end = rest.find('"').expect("the text ends");
        let text = &rest[..end];
        assert!(!text.contains(['\\', '$']), "no escapes and no templates: {text}");
        self.rest = &rest[end + 1..];
        text.to_owned()
    }

    /// Up to the closing brace or the end.
    fn body(&mut self) -> Block {
        let mut block = Block::default();
        loop {
            self.skip();
            if self.rest.is_empty() || self.rest.starts_with('}') {
                return block;
            }
            let mut words = vec![self.word()];
            if self.take('=') {
                let value = self.value();
                block.attributes.insert(words.remove(0), value);
                continue;
            }
            while !self.take('{') {
                self.skip();
                words.push(self.text());
            }
            let inner = self.body();
            assert!(self.take('}'), "{words:?} does not end");
            block.blocks.push(Block { words, ..inner });
        }
    }

    fn value(&mut self) -> Value {
        self.skip();
        if self.rest.starts_with('"') {
            return self.text().into();
        }
        if self.take('{') {
            let object = self.body().attributes;
            assert!(self.take('}'), "an object does not end");
            return Value::Object(object);
        }
        if self.take('[') {
            let mut list = Vec::new();
            while !self.take(']') {
                list.push(self.value());
                self.take(',');
            }
            return Value::Array(list);
        }
        let end = self.rest.find(['\n', ',', ']', '}', '#']).unwrap_or(self.rest.len());
        let word = self.rest[..end].trim();
        self.rest = &self.rest[end..];
        match (word, word.parse::<i64>()) {
            ("true", _) => json!(true),
            ("false", _) => json!(false),
            (_, Ok(number)) => json!(number),
            _ => word.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_example_is_read() {
        let file = Block::read(
            "# first\nlist \"a\" \"b\" {\n  limit = 5 # many\n  on = true\n  provider = p\n  config {\n    x = \"y\"\n  }\n}\n\
             import {\n  to = a.b\n  identity = {\n    id = \"i\"\n  }\n  l = [a.b, \"c\"]\n}\n",
        );
        let list = file.block("list");
        assert_eq!(list.words, ["list", "a", "b"]);
        assert_eq!(list.object(), json!({ "limit": 5, "on": true, "provider": "p" }));
        assert_eq!(list.block("config").object(), json!({ "x": "y" }));
        assert_eq!(file.block("import").object(), json!({ "to": "a.b", "identity": { "id": "i" }, "l": ["a.b", "c"] }));
    }
}
