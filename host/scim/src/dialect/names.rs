//! Paths and filters in the RFC's form.

use super::Reading;
use super::normalize::Normalizer;
use crate::filter::{self, Filter, Literal, PathText, Scope};
use crate::path::{self, AttributeRef, Target};
use crate::schema::Kind;

impl Normalizer<'_> {
    /// A path, with the filter in it. One that cannot be read stays as it is.
    pub(super) fn path(&mut self, text: &str) -> String {
        let (head, rest) = text.split_at(text.find('[').unwrap_or(text.len()));
        let head = self.qualified(head).unwrap_or_else(|| head.to_owned());
        let brackets = rest.strip_prefix('[').and_then(|rest| rest.rsplit_once(']'));
        let (Some((inner, tail)), Ok(Target::Attribute(target))) =
            (brackets, path::resolve(self.resource_type, &head))
        else {
            return format!("{head}{rest}");
        };
        let Ok(sent) = filter::parse(inner) else { return format!("{head}{rest}") };
        let mut filter = sent.clone();
        self.filter(&mut filter, Scope::Element(target.attribute));
        if filter == sent {
            return format!("{head}{rest}");
        }
        format!("{head}[{filter}]{tail}")
    }

    pub(super) fn filter(&mut self, filter: &mut Filter, scope: Scope<'_>) {
        match filter {
            Filter::And(terms) | Filter::Or(terms) => {
                terms.iter_mut().for_each(|term| self.filter(term, scope));
            }
            Filter::Not(inner) => self.filter(inner, scope),
            Filter::Present(path) => {
                self.find(path, scope);
            }
            Filter::Compare(path, _, literal) => {
                if let Some(target) = self.find(path, scope).and_then(AttributeRef::comparable) {
                    self.literal(target, literal, scope);
                }
            }
            Filter::Element(path, inner) => {
                if let Some(target) = self.find(path, scope) {
                    self.filter(inner, Scope::Element(target.attribute));
                }
            }
        }
    }

    fn literal(&mut self, target: AttributeRef<'_>, literal: &mut Literal, scope: Scope<'_>) {
        let Literal::String(text) = literal else { return };
        let (Kind::Boolean, Some(boolean)) = (target.leaf().kind, self.boolean(text)) else {
            return;
        };
        *literal = Literal::Bool(boolean);
        let path = match scope {
            Scope::Resource(_) => target.path(),
            Scope::Element(attribute) => format!("{}.{}", attribute.name, target.path()),
        };
        self.note(path, Reading::StringBoolean(boolean));
    }

    /// What a path of a filter names, once it has its URN.
    fn find<'s>(&mut self, path: &mut PathText, scope: Scope<'s>) -> Option<AttributeRef<'s>> {
        if let Scope::Resource(_) = scope
            && let Some(qualified) = self.qualified(&path.text)
        {
            path.text = qualified;
        }
        scope.find(path).ok()
    }

    /// The path with the URN of the one extension that has the attribute.
    fn qualified(&mut self, path: &str) -> Option<String> {
        let resource_type = self.resource_type;
        if !self.dialect.leniency.unqualified_extensions
            || path.contains(':')
            || path::resolve(resource_type, path).is_ok()
        {
            return None;
        }
        let mut candidates = resource_type
            .extensions
            .iter()
            .map(|extension| format!("{}:{path}", extension.schema.id))
            .filter(|candidate| path::resolve(resource_type, candidate).is_ok());
        let only = candidates.next().filter(|_| candidates.next().is_none())?;
        self.note(only.as_str(), Reading::UnqualifiedExtension);
        Some(only)
    }
}
