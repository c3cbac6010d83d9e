//! Deletes what a scenario has created, however it ended.

use serde_json::Value;

use super::exchange::{Answer, Target};

/// The paths of the resources that the answers so far say were created.
#[derive(Debug, Default)]
pub(super) struct Created {
    paths: Vec<String>,
}

impl Created {
    /// Notes what an answer says was created, by itself or by its bulk operations.
    pub(super) fn note(&mut self, answer: &Answer) {
        if answer.status == 201 {
            let header = answer.headers.get("location").and_then(|value| value.to_str().ok());
            let body = answer.body.as_ref();
            let meta = body.and_then(|body| body.pointer("/meta/location")).and_then(Value::as_str);
            self.paths.extend(header.or(meta).and_then(path));
        }
        let operations = answer.body.as_ref().and_then(|body| body.get("Operations"));
        for operation in operations.and_then(Value::as_array).into_iter().flatten() {
            if operation["status"] == "201" {
                self.paths.extend(operation["location"].as_str().and_then(path));
            }
        }
    }

    /// Deletes it, last first: what was created later may refer to what was there before.
    /// What could not be deleted is the answer.
    pub(super) async fn delete(self, target: &Target) -> Vec<String> {
        let mut left = Vec::new();
        for path in self.paths.iter().rev() {
            match target.delete(path).await {
                Ok(answer) if matches!(answer.status, 200 | 204 | 404) => {}
                Ok(answer) => left.push(format!("DELETE {path}: status {}", answer.status)),
                Err(error) => left.push(format!("DELETE {path}: {error}")),
            }
        }
        left
    }
}

/// `/Users/2819c223` of a location, below the base URL: the token goes nowhere else, whatever
/// host the location names.
fn path(location: &str) -> Option<String> {
    let (rest, id) = location.rsplit_once('/')?;
    let (_, endpoint) = rest.rsplit_once('/')?;
    Some(format!("/{endpoint}/{id}"))
}

#[cfg(test)]
mod tests {
    use reqwest::header::{HeaderMap, HeaderValue, LOCATION};
    use serde_json::json;

    use super::*;

    #[test]
    fn what_was_created_alone_or_in_bulk_is_noted() {
        let mut created = Created::default();
        let mut headers = HeaderMap::new();
        headers.insert(LOCATION, HeaderValue::from_static("https://else.where/v2/Users/1"));
        created.note(&Answer { status: 201, headers: headers.clone(), body: None });
        created.note(&Answer { status: 200, headers, body: None });
        let body = json!({ "meta": { "location": "https://x/Groups/2" } });
        created.note(&Answer { status: 201, headers: HeaderMap::new(), body: Some(body) });
        let body = json!({ "Operations": [
            { "status": "201", "location": "https://x/Users/3" },
            { "status": "200", "location": "https://x/Users/4" },
            { "status": "409" }
        ]});
        created.note(&Answer { status: 200, headers: HeaderMap::new(), body: Some(body) });
        assert_eq!(created.paths, ["/Users/1", "/Groups/2", "/Users/3"]);
    }
}
