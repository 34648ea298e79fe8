"""The local stack: embedded PostgreSQL, a real Apache Kafka and every Reliefpath process, supervised.

It provisions, it never stands in: the services meet the same servers here as anywhere else, through settings alone.
"""
