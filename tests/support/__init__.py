"""What the tests share: small runs, array doubles, right values from elsewhere, wrong backward passes."""
