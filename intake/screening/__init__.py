"""One person's answers to instruments at one sitting, their scores, and the explained placement."""
