use super::*;

const USER: &str = r#"{"id":"1","userName":"ada","weight":1.0,"height":1e-7}"#;

/// Finds one user, as often as it is asked, and counts how often it was.
#[derive(Default)]
struct OneUser(Mutex<u64>);

impl Directory for OneUser {
    fn get<'a>(&'a self, _: &'a str, id: &'a str) -> LookUp<'a, Option<String>> {
        Box::pin(async move { Ok((id == "1").then(|| USER.to_owned())) })
    }

    fn find<'a>(&'a self, _: &'a str, filter: &'a str, _: u32) -> LookUp<'a, Vec<String>> {
        Box::pin(async move {
            match filter {
                "wrong" => Err(LookUpError::Refused("no filter".to_owned())),
                _ => Ok(vec![USER.to_owned()]),
            }
        })
    }

    fn count<'a>(&'a self, _: &'a str, _: Option<&'a str>) -> LookUp<'a, u64> {
        Box::pin(async move {
            let mut asked = locked(&self.0);
            *asked += 1;
            Ok(*asked)
        })
    }
}

/// Everything that can be asked, some of it twice.
async fn answers(directory: &dyn Directory) -> Vec<String> {
    vec![
        format!("{:?}", directory.get("User", "1").await),
        format!("{:?}", directory.get("User", "2").await),
        format!("{:?}", directory.find("User", "id pr", 10).await),
        format!("{:?}", directory.find("User", "wrong", 10).await),
        format!("{:?}", directory.count("User", None).await),
        format!("{:?}", directory.count("User", None).await),
    ]
}

async fn noted() -> (Vec<String>, Vec<LookedUp>) {
    let noted = Arc::default();
    let directory = LookUps::of(Arc::new(OneUser::default()), Arc::clone(&noted));
    let answers = answers(&*directory).await;
    let noted = locked(&noted).clone();
    (answers, noted)
}

#[tokio::test]
async fn what_was_told_is_told_again_byte_for_byte_and_in_its_order() {
    let (told, noted) = noted().await;
    let written = serde_json::to_string(&noted).unwrap();
    let read: Vec<LookedUp> = serde_json::from_str(&written).unwrap();
    assert_eq!(answers(&*Recorded::of(&read)).await, told);
    assert!(told[4] == "Ok(1)" && told[5] == "Ok(2)", "{told:?}");
}

#[tokio::test]
async fn a_look_up_that_was_not_recorded_is_told_by_what_it_asks() {
    let (_, noted) = noted().await;
    let recorded = Recorded::of(&noted);
    let error = recorded.get("User", "3").await.unwrap_err();
    assert!(
        matches!(&error, LookUpError::Unavailable(it) if it.contains(r#""id":"3""#)),
        "{error}"
    );
    let error = recorded.find("Group", "id pr", 10).await.unwrap_err();
    assert!(error.to_string().contains("the recording has no look-up"), "{error}");
}
