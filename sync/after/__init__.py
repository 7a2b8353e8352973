"""What the centre is asked and told when the documents are back: drugs dispensed there, states of the hall."""
