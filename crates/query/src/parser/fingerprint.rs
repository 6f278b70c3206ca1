//! A statement without its literals, so that runs of one query with other values count as the same.

use sqlparser::{keywords::Keyword, tokenizer::Token};

use super::{Statement, is_word, parse, split_statements, tokenize, trailing_options};
use crate::error::Error;

/// The statement with `?` for every literal but NULL, keywords and functions in upper case, names in backticks, and one
/// blank between words: ``SELECT `a` FROM `t` WHERE `b` > ?``. Options and EXPLAIN PLAN FOR are left out.
pub fn fingerprint(sql: &str) -> Result<String, Error> {
    let sql = sql.trim_end();
    let statement: Statement = parse(sql)?;
    if statement.is_dml() {
        return Err(Error::Parsing("only queries have a fingerprint".to_owned()));
    }
    let (tokens, _) = tokenize(sql)?;
    let executable = split_statements(tokens).find(|piece| !is_word(piece.first(), "SET"));
    let mut tokens = executable.unwrap_or_default();
    if is_word(tokens.first(), "EXPLAIN")
        && let Some(end) = tokens.iter().position(|token| is_word(Some(token), "FOR"))
    {
        tokens.drain(..=end);
    }
    trailing_options(sql, &mut tokens, &mut Default::default())?;
    let tokens: Vec<Token> = tokens.into_iter().map(|token| token.token).collect();
    let mut writer = Writer::default();
    let mut at = 0;
    while at < tokens.len() {
        at += writer.push(&tokens, at);
    }
    Ok(writer.out)
}

#[derive(Default)]
struct Writer {
    out: String,
    /// Nothing comes between the text so far and the next word.
    glued: bool,
}

impl Writer {
    /// Writes what begins at a token; the number of tokens read.
    fn push(&mut self, tokens: &[Token], at: usize) -> usize {
        let next = tokens.get(at + 1);
        match &tokens[at] {
            Token::Word(word) if word.quote_style.is_none() && word.keyword == Keyword::LIMIT => {
                return self.push_limit(&tokens[at + 1..]) + 1;
            }
            Token::Word(word) if word.quote_style.is_none() && word.keyword == Keyword::ASC => {}
            Token::Word(word) => {
                let literal = matches!(word.keyword, Keyword::TRUE | Keyword::FALSE);
                let named = word.quote_style.is_some() || word.keyword == Keyword::NoKeyword;
                let call = next == Some(&Token::LParen) && word.quote_style.is_none();
                if literal && word.quote_style.is_none() {
                    self.word("?");
                } else if named && !call {
                    self.word(&format!("`{}`", word.value.replace('`', "``")));
                } else {
                    self.word(&word.value.to_uppercase());
                    if word.keyword == Keyword::BETWEEN {
                        self.word("ASYMMETRIC");
                    }
                    self.glued =
                        call && !matches!(word.keyword, Keyword::IN | Keyword::AND | Keyword::OR | Keyword::NOT);
                }
            }
            Token::Number(..) | Token::SingleQuotedString(_) => self.word("?"),
            Token::Comma => self.out.push(','),
            Token::RParen => {
                self.out.push(')');
                self.glued = false;
            }
            Token::LParen => {
                self.word("(");
                self.glued = true;
            }
            Token::Period => {
                self.out.push('.');
                self.glued = true;
            }
            Token::Neq => self.word("<>"),
            other => self.word(&other.to_string()),
        }
        1
    }

    /// The standard's words for a limit. Gives the number of tokens after LIMIT that were read.
    fn push_limit(&mut self, rest: &[Token]) -> usize {
        let is_offset = |token: &Token| matches!(token, Token::Word(word) if word.keyword == Keyword::OFFSET);
        let (offset, read) = match rest {
            [_, second, _, ..] if *second == Token::Comma || is_offset(second) => (true, 3),
            [_, ..] => (false, 1),
            [] => return 0,
        };
        self.word(if offset { "OFFSET ? ROWS FETCH NEXT ? ROWS ONLY" } else { "FETCH NEXT ? ROWS ONLY" });
        read
    }

    fn word(&mut self, text: &str) {
        if !self.glued && !self.out.is_empty() {
            self.out.push(' ');
        }
        self.out.push_str(text);
        self.glued = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_go_and_the_rest_stays() {
        for (sql, expected) in [
            ("select a from t where b > 1 and c in ('x')", "SELECT `a` FROM `t` WHERE `b` > ? AND `c` IN (?)"),
            (
                "SET timeoutMs=5; select  count(*), sum(x) from db.t group by y limit 10 option(a=b)",
                "SELECT COUNT(*), SUM(`x`) FROM `db`.`t` GROUP BY `y` FETCH NEXT ? ROWS ONLY",
            ),
            (
                "explain plan for select a from t where a != null order by a asc, b desc limit 3 offset 4",
                "SELECT `a` FROM `t` WHERE `a` <> NULL ORDER BY `a`, `b` DESC OFFSET ? ROWS FETCH NEXT ? ROWS ONLY",
            ),
            ("select a from t where b between 1 and 2", "SELECT `a` FROM `t` WHERE `b` BETWEEN ASYMMETRIC ? AND ?"),
        ] {
            assert_eq!(fingerprint(sql).unwrap(), expected);
        }
        assert!(fingerprint("selec 1").is_err());
        assert!(fingerprint("insert into t from file 'x'").is_err());
    }
}
