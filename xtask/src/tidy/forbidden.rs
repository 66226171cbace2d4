//! What stands for unfinished work or a silenced warning: `todo!`, `unimplemented!`, `#[ignore]`, `#[allow]`.
//!
//! It looks at tokens, so what a macro would expand to is seen as well, and comments and strings are not.

use proc_macro2::{TokenStream, TokenTree};

use super::Finding;
use super::source::{Tree, each_token};

/// Finds them.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (file, rust) in tree.rust() {
        each_token(&rust.tokens, &mut |rest| {
            if let Some(message) = complaint(rest) {
                let line = rest.first().map_or(0, |token| token.span().start().line);
                findings.push(Finding::new(&file.path, line, message));
            }
        });
    }
    findings
}

fn complaint(rest: &[TokenTree]) -> Option<String> {
    match rest {
        [TokenTree::Ident(name), TokenTree::Punct(bang), ..] if bang.as_char() == '!' => {
            let unfinished = name == "todo" || name == "unimplemented";
            unfinished.then(|| format!("`{name}!` is not finished"))
        }
        [TokenTree::Punct(hash), TokenTree::Group(group), ..] if hash.as_char() == '#' => in_attribute(group.stream()),
        [TokenTree::Punct(hash), TokenTree::Punct(bang), TokenTree::Group(group), ..]
            if hash.as_char() == '#' && bang.as_char() == '!' =>
        {
            in_attribute(group.stream())
        }
        _ => None,
    }
}

fn in_attribute(tokens: TokenStream) -> Option<String> {
    let mut tokens = tokens.into_iter();
    let Some(TokenTree::Ident(name)) = tokens.next() else { return None };
    let rest: TokenStream = tokens.collect();
    match name.to_string().as_str() {
        "allow" => Some("`allow` hides a warning for ever: `#[expect(lint, reason = \"…\")]`".to_owned()),
        "ignore" => Some("an ignored test tests nothing".to_owned()),
        "cfg_attr" => {
            let mut found = None;
            each_token(&rest, &mut |rest| {
                if let [TokenTree::Ident(name), ..] = rest
                    && (name == "allow" || name == "ignore")
                {
                    found = Some(format!("`{name}` in `cfg_attr`"));
                }
            });
            found
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::source::testing::one;
    use super::*;

    fn lines(text: &str) -> Vec<usize> {
        check(&one("a.rs", text)).iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn finds_each_wherever_it_is() {
        assert_eq!(lines("fn f() {\n    todo!()\n}\n"), [2]);
        assert_eq!(lines("fn f() { vec![unimplemented!()] }\n"), [1]);
        assert_eq!(lines("#[test]\n#[ignore]\nfn f() {}\n"), [2]);
        assert_eq!(lines("#![allow(dead_code)]\n"), [1]);
        assert_eq!(lines("#[cfg_attr(unix, allow(dead_code))]\nfn f() {}\n"), [1]);
        assert_eq!(lines("macro_rules! m { () => { #[allow(x)] fn f() {} } }\n"), [1]);
    }

    #[test]
    fn leaves_prose_and_names_alone() {
        assert!(lines("//! `todo!` and #[ignore].\n#[expect(dead_code, reason = \"x\")]\nfn allow() -> &'static str { \"todo!()\" }\n").is_empty());
    }
}
