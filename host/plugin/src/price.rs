//! What a host function's look at a document costs in fuel, told before the look.
//!
//! A guest cannot be stopped within a host function: neither the epoch nor the deadline is seen
//! there. So the work is counted first, and the counting itself ends where the fuel does. What
//! counts is every JSON value that may be visited and every byte of text in it, once for each
//! term of the path's filter.

use serde_json::{Map, Value};
use tenon_scim::filter::BoundFilter;
use tenon_scim::path::{self, Path};

use crate::call::Document;
use crate::limits::Limits;

/// Fuel for looking at things.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Prices {
    /// For each JSON value.
    pub(crate) per_value: u64,
    /// For each byte of a name or a text.
    pub(crate) per_byte: u64,
}

impl Prices {
    pub(crate) fn new(limits: &Limits) -> Prices {
        Prices {
            per_value: limits.host_call_fuel_per_value,
            per_byte: limits.host_call_fuel_per_byte,
        }
    }

    /// Of reading a path. Some figure above `budget` where it costs more than that. A path that
    /// names nothing costs no look.
    pub(crate) fn of_path(self, document: &Document, path: &str, budget: u64) -> u64 {
        let resource_type = &document.resource_type;
        let path = match path::parse(resource_type, path) {
            Ok(Path::Value(path)) => path,
            Ok(Path::Extension(schema)) if schema.id != resource_type.schema.id => {
                let extension = document.value.get(&schema.id);
                return extension.map_or(0, |extension| self.of_value(extension, budget));
            }
            Ok(Path::Extension(_)) => return self.of_object(&document.value, budget),
            Err(_) => return 0,
        };
        let terms = path.filter.as_ref().map_or(1, BoundFilter::terms);
        let mut tally = Tally::new(self, u64::try_from(terms).unwrap_or(u64::MAX), budget);
        // Reading the terms is work as well, even where there is no value to hold against them.
        tally.add(0);
        let container = path.target.container(&document.value);
        if let Some(value) = container.and_then(|it| it.get(&path.target.attribute.name)) {
            tally.visit(value);
        }
        tally.fuel
    }

    /// Of copying or writing out a value. Some figure above `budget` where it costs more.
    pub(crate) fn of_value(self, value: &Value, budget: u64) -> u64 {
        let mut tally = Tally::new(self, 1, budget);
        tally.visit(value);
        tally.fuel
    }

    /// As [`Prices::of_value`], of an object.
    pub(crate) fn of_object(self, object: &Map<String, Value>, budget: u64) -> u64 {
        let mut tally = Tally::new(self, 1, budget);
        tally.visit_members(object);
        tally.fuel
    }
}

/// Adds up, until the budget is spent.
struct Tally {
    prices: Prices,
    fuel: u64,
    budget: u64,
}

impl Tally {
    fn new(prices: Prices, terms: u64, budget: u64) -> Tally {
        let prices = Prices {
            per_value: prices.per_value.saturating_mul(terms),
            per_byte: prices.per_byte.saturating_mul(terms),
        };
        Tally { prices, fuel: 0, budget }
    }

    fn visit(&mut self, value: &Value) {
        match value {
            Value::String(text) => self.add(text.len()),
            Value::Null | Value::Bool(_) | Value::Number(_) => self.add(0),
            Value::Object(object) => self.visit_members(object),
            Value::Array(values) => {
                self.add(0);
                for value in values {
                    if self.is_spent() {
                        return;
                    }
                    self.visit(value);
                }
            }
        }
    }

    fn visit_members(&mut self, object: &Map<String, Value>) {
        self.add(0);
        for (name, value) in object {
            if self.is_spent() {
                return;
            }
            self.fuel = self.fuel.saturating_add(self.of_bytes(name.len()));
            self.visit(value);
        }
    }

    /// One value with so many bytes of text.
    fn add(&mut self, bytes: usize) {
        let fuel = self.prices.per_value.saturating_add(self.of_bytes(bytes));
        self.fuel = self.fuel.saturating_add(fuel);
    }

    fn of_bytes(&self, bytes: usize) -> u64 {
        self.prices.per_byte.saturating_mul(bytes as u64)
    }

    fn is_spent(&self) -> bool {
        self.fuel > self.budget
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;
    use tenon_scim::Registry;

    use super::*;

    const PRICES: Prices = Prices { per_value: 100, per_byte: 1 };

    fn user(user: Value) -> Document {
        let resource_type = Registry::core().resource_type("User").unwrap().clone();
        Document { resource_type, value: Arc::new(user.as_object().unwrap().clone()) }
    }

    #[test]
    fn a_path_costs_by_values_by_text_and_by_terms() {
        let document = user(json!({
            "userName": "ada",
            "emails": [{ "value": "a@b" }, { "value": "c@d" }]
        }));
        // The list, two objects, two texts of 3 bytes under a name of 5; and the path itself.
        let emails = 5 * 100 + 2 * (5 + 3) + 100;
        for (path, fuel) in [
            ("userName", 100 + 3 + 100),
            ("nickName", 100),
            ("no such path", 0),
            ("emails", emails),
            ("emails.value", emails),
            ("emails.display", emails),
            (r#"emails[value eq "z"]"#, emails),
            (r#"emails[value eq "z" and (type pr or not (value co "y"))]"#, 3 * emails),
            ("urn:ietf:params:scim:schemas:core:2.0:User", 100 + 8 + 100 + 3 + 6 + emails - 100),
        ] {
            assert_eq!(PRICES.of_path(&document, path, u64::MAX), fuel, "{path}");
        }
    }

    #[test]
    fn counting_stops_where_the_fuel_does() {
        let document = user(json!({ "emails": vec![json!({ "value": "a@b" }); 10_000] }));
        let whole = PRICES.of_path(&document, "emails", u64::MAX);
        assert!(whole > 10_000 * 200);
        let cut = PRICES.of_path(&document, "emails", 1_000);
        assert!(cut > 1_000 && cut < 1_500, "{cut}");
        let cut = PRICES.of_object(&document.value, 1_000);
        assert!(cut > 1_000 && cut < 1_500, "{cut}");
    }
}
