async fn work() {}

async fn an_expression() {
    filch::pin!(work());
}

async fn the_form_of_the_standard_library() {
    let mut future = filch::pin!(work());
    (&mut future).await;
}

fn main() {}
