"""Operations on data objects, replicas and collections, which the API calls share."""
