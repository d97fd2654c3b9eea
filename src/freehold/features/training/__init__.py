"""Training together: a builder plans and runs it, owners lend noised updates, validators and judges look."""
